// What the page shows: headings, key figures, plots, tables. The data was checked before it was embedded (ReadReport):
// keys, types and lengths may be relied on. One run is plotted by measure, several by run: colours are theirs then.
(() => {
  const {html, digits, duration} = plots;
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const runs = data.runs;
  for (const run of runs) run.series = condensed(run.series);
  const several = runs.length > 1;
  const letter = (run) => String.fromCharCode(65 + run);
  const shortName = (run) => several ? `${letter(run)} ${runs[run].label}`.slice(0, 60) : "";
  const measured = (latency) => runs.some((run) => run[latency].count > 0);
  const sampled = runs.some((run) => run.series.process !== null);
  const main = document.getElementById("report");

  const cell = (text, kind) => html("td", {class: kind || "text"}, text);
  const section = (title, ...children) => html("section", {}, html("h2", {}, title), ...children);
  const grid = (...children) => html("div", {class: "grid"}, ...children);
  let captions = 0;
  function table(caption, heads, rows) {
    const id = `caption-${++captions}`;
    return html("div", {class: "card"}, html("p", {class: "caption", id}, caption),
      html("div", {class: "scroll"}, html("table", {"aria-labelledby": id},
        html("thead", {}, html("tr", {}, ...heads.map(([name, kind]) => html("th", {scope: "col", class: kind || ""}, name)))),
        html("tbody", {}, ...rows))));
  }
  const row = (name, ...cells) => html("tr", {}, html("th", {scope: "row"}, name), ...cells);
  const runHeads = () => runs.map((_, i) => [several ? letter(i) : "", several ? "number" : "number"]);

  // Long runs in at most POINTS_MAX steps, and a short last step with the one before it (the rate of a few milliseconds
  // would be a spike). Counts and lengths are summed, all else is the highest of its parts.
  function condensed(series) {
    const POINTS_MAX = 400;
    const SUMMED = new Set(["length_s", "scheduled", "started", "finished", "errors", "count", "cpu_us", "cpu_user_us",
                            "cpu_system_us", "voluntary_switches", "involuntary_switches"]);
    const PERCENTILES = new Set(["p50", "p90", "p99"]);
    const lengths = series.length_s;
    const size = Math.max(1, Math.ceil(lengths.length / POINTS_MAX));
    const starts = lengths.map((_, i) => i).filter((i) => i % size === 0);
    const joined = starts.length > 1 && lengths.length - starts.at(-1) === 1 && lengths.at(-1) < lengths[0] / 2;
    if (joined) starts.pop();
    const parts = (column) => starts.map((start, i) => column.slice(start, starts[i + 1]).filter((value) => value !== null));
    // Percentiles of the few messages of a joined step say nothing about the whole.
    const counted = (key, column) => joined && PERCENTILES.has(key) ? column.slice(0, -1) : column;
    const merged = (key, column) => parts(counted(key, column)).map((part) => {
      if (!part.length) return null;
      if (key === "at_s") return part[0];
      return SUMMED.has(key) ? part.reduce((sum, value) => sum + value, 0) : part.reduce((most, value) => Math.max(most, value));
    });
    return Object.fromEntries(Object.entries(series).map(([key, value]) => {
      if (Array.isArray(value)) return [key, merged(key, value)];
      return [key, value && Object.fromEntries(Object.entries(value).map(([inner, column]) => [inner, merged(inner, column)]))];
    }));
  }
  const step = Math.max(0, ...runs.map((run) => run.series.length_s[0] || 0));
  const eachStep = step <= 1 ? "of each second" : `of every ${digits(step)} s, the highest of their seconds`;

  // Head and key figures.

  function head() {
    const title = several ? "Runs side by side" : runs[0].label;
    document.title = `millrace-replay: ${several ? runs.map((run) => run.label).join(", ") : title}`.slice(0, 200);
    const lead = several
      ? html("div", {class: "lead"}, ...runs.map((_, i) => html("p", {}, shortName(i))))
      : html("p", {class: "lead"}, `millrace-replay, ${runs[0].started_at}: ${sentence(runs[0])}`);
    return html("header", {}, html("h1", {}, title), lead, tiles());
  }
  function sentence(run) {
    const how = {once: "each transaction once", closed: "closed loop", open: "open loop", idle: "idle sessions"}[run.mode] || run.mode;
    return `${run.source}, ${how}, over ${run.target.kind} to ${run.target.address}, ${digits(run.seconds)} s`;
  }
  const figureOf = (key) => data.figures.find((figure) => figure.key === key);

  const TILES = [["messages_per_second", "messages per second"], ["end_of_message_p50_ms", "end of message, p50"],
                 ["end_of_message_p99_ms", "end of message, p99"], ["transaction_p99_ms", "transaction, p99"],
                 ["process_cpu_us_per_message", "CPU per message"], ["process_rss_mib_max", "memory, most"],
                 ["errors", "errors"], ["verdicts_changed", "verdicts changed"]];
  function tiles() {
    const last = runs.length - 1;
    const shown = ([key]) => figureOf(key) && figureOf(key).values.every((value) => value !== "-");
    const list = TILES.filter(shown).map(([key, name]) => {
      const {values, ratios, unit, whole} = figureOf(key);
      const change = several ? `${withCommas(values[0])} → ${withCommas(values[last])}` : withCommas(values[0]);
      const value = several && !whole ? [ratioText(ratios[last]), html("small", {}, " B / A")]
                                      : [change, html("small", {}, ` ${unitText(unit)}`)];
      return html("div", {class: "tile"}, html("dt", {}, name), html("dd", {}, ...value),
                  several ? html("dd", {class: "soft"}, whole ? "A → B" : `${change} ${unitText(unit)}`) : null);
    });
    return several && last > 1 ? null : html("dl", {class: "tiles"}, ...list);
  }
  const unitText = (unit) => unit === "us" ? "µs" : unit;
  const withCommas = (text) => /^\d{4,}$/.test(text) ? Number(text).toLocaleString("en-US") : text;
  const ratioText = (ratio) => ratio === null ? "-" : `${ratio < 0.1 && ratio > 0 ? ratio.toPrecision(2) : ratio.toFixed(2)} ×`;
  // Five parts in a hundred and more are named; less is noise more often than not.
  function judged(figure, ratio) {
    if (ratio === null || figure.better === "neither" || Math.abs(ratio - 1) < 0.05) return ["", ""];
    return (ratio > 1) === (figure.better === "higher") ? ["good", " better"] : ["bad", " worse"];
  }
  function figuresTable() {
    const heads = [["", ""]];
    runs.forEach((_, i) => {
      heads.push([several ? letter(i) : "value", "number"]);
      if (i > 0) heads.push([`${letter(i)} / A`, "number"]);
    });
    const rows = [];
    let group = "";
    for (const figure of data.figures) {
      if (figure.group !== group) {
        group = figure.group;
        rows.push(html("tr", {}, html("th", {class: "group", scope: "rowgroup", colspan: heads.length}, group)));
      }
      const cells = [];
      figure.values.forEach((value, i) => {
        cells.push(cell(withCommas(value), "number"));
        if (i === 0) return;
        const [kind, word] = judged(figure, figure.ratios[i]);
        cells.push(cell(ratioText(figure.ratios[i]) + word, `number ${kind}`));
      });
      rows.push(row(figure.unit ? `${figure.name}, ${unitText(figure.unit)}` : figure.name, ...cells));
    }
    return table(several ? "Ratios are to run A; differences below 5 % are not judged, and one run of each kind shows no noise." :
                 "Latencies of a transaction count from the time at which it was due.", heads, rows);
  }
  function playedTable() {
    const rows = [];
    const add = (name, value) => rows.push(row(name, ...runs.map((run) => cell(value(run)))));
    add("label", (run) => run.label);
    add("played", (run) => run.source);
    add("how", (run) => run.mode);
    add("target", (run) => `${run.target.kind} ${run.target.address}`);
    add("began", (run) => run.started_at);
    add("duration", (run) => `${digits(run.seconds)} s`);
    add("seed", (run) => String(run.seed));
    add("millrace-replay", (run) => run.millrace_version);
    if (runs.some((run) => run.process)) add("daemon", (run) => run.process ? `${run.process.name}, process ${run.process.pid}` +
                                                               (run.process.ended ? " (ended before the run)" : "") : "-");
    const names = [...new Set(runs.flatMap((run) => run.options.map((option) => option[0])))];
    for (const name of names)
      add(name, (run) => run.options.filter((option) => option[0] === name).map((option) => option[1]).join(", ") || "-");
    return table("What was played", [["", ""], ...runs.map((_, i) => [several ? letter(i) : "", ""])], rows);
  }

  // Plots.

  // Points at the middle of each step.
  function timePoints(run, column, scale) {
    const {at_s: at, length_s: length} = run.series;
    return at.map((begin, i) => [begin + length[i] / 2, column[i] === null ? null : column[i] * (scale || 1)]);
  }
  function ratePoints(run, column, scale) {
    const {at_s: at, length_s: length} = run.series;
    return at.map((begin, i) => [begin + length[i] / 2,
                                 column[i] === null || length[i] <= 0 ? null : column[i] / length[i] * (scale || 1)]);
  }
  const endOf = (run) => run.series.at_s.length ? run.series.at_s.at(-1) + run.series.length_s.at(-1) : 0;
  function percentilePoints(latency) {
    const points = [];
    const count = latency.buckets.reduce((sum, bucket) => sum + bucket[1], 0);
    let seen = 0;
    for (const [value, amount] of latency.buckets) {
      if (!points.length) points.push([0, value]);
      seen += amount;
      // The last message is drawn to the middle of its rank: its own end would be infinitely far.
      points.push([Math.log10(count / Math.max(count - seen, 0.5)), value]);
    }
    return points;
  }
  const latencyAxis = () => ({kind: "log", format: duration});
  const countAxis = (whole) => ({kind: "linear", format: digits, whole});

  // Lines of a plot: measures of one run by colour, or each run's by colour with the measures as dashes.
  const STYLES = ["solid", "dashed", "dotted"];
  function timeFigure(title, note, y, measures, wide) {
    const series = [];
    runs.forEach((run, i) => measures.forEach(([name, points, dash], m) => {
      const got = points(run);
      if (got === null) return;
      const named = measures.length > 1 ? `${letter(i)} ${name}` : shortName(i);
      series.push(several ? {name: named, color: i, dash: STYLES[m % 3], below: i === 0, points: got, end: endOf(run)}
                          : {name, color: m, dash: dash || "solid", points: got, end: endOf(run)});
    }));
    return plots.figure({title, note, wide, x: {kind: "time"}, y, series});
  }
  function percentileFigure(title, note, lines) {
    return plots.figure({title, note, wide: true, x: {kind: "percentile"}, y: latencyAxis(),
                         series: lines.map(([name, color, latency], i) => ({name, color, below: several && i === 0,
                                                                             points: percentilePoints(latency)}))});
  }

  function latencyPlots() {
    const figures = [];
    const measures = [["end_of_message_us", "End of message", "from the octets that end the message to the verdict"],
                      ["transaction_us", "Whole transaction", "from the time at which it was due to the verdict"]].filter(
                        ([key]) => measured(key));
    if (several) {
      for (const [key, title, note] of measures)
        figures.push(percentileFigure(`${title}: latency over percentiles`, note, runs.map((run, i) => [shortName(i), i, run[key]])));
    } else if (measures.length) {
      const lines = measures.map(([key, title], i) => [title.toLowerCase(), i, runs[0][key]]);
      if (measured("connect_us")) lines.push(["connect", 2, runs[0].connect_us]);
      figures.push(percentileFigure("Latency over percentiles", "the share of messages that were answered within this time", lines));
    }
    for (const [key, title] of measures) {
      const wanted = several ? ["p50", "p99"] : ["p50", "p90", "p99", "max"];
      figures.push(timeFigure(`${title}: latency over time`, `${several ? "p50 and p99" : "percentiles"} ${eachStep}`,
                              latencyAxis(), wanted.map((name) => [name, (run) => timePoints(run, run.series[key][name])])));
    }
    return figures;
  }
  function loadPlots() {
    const rate = (key, dash) => [key, (run) => ratePoints(run, run.series[key]), dash];
    return [timeFigure("Throughput", "messages per second", countAxis(false),
                       several ? [rate("finished")] : [rate("finished"), rate("started", "dashed"), rate("scheduled", "dotted")], true),
            timeFigure("In flight", "most messages at a time, begun and not yet answered", countAxis(true),
                       [["in flight", (run) => timePoints(run, run.series.in_flight_max)]]),
            timeFigure("Errors", "per second", countAxis(false), [["errors", (run) => ratePoints(run, run.series.errors)]])];
  }
  function costPlots() {
    if (!sampled) return [];
    const of = (points) => (run) => run.series.process === null ? null : points(run, run.series.process);
    const cpu = (name, key) => [name, of((run, process) => ratePoints(run, process[key], 1e-4))];
    const switches = (name, key) => [name, of((run, process) => ratePoints(run, process[key]))];
    const level = (name, key, scale) => [name, of((run, process) => timePoints(run, process[key], scale))];
    const total = cpu("user + system", "cpu_us");
    return [timeFigure("CPU of the daemon", several ? "per cent of one core" : "per cent of one core; user and system in ticks of 10 ms", countAxis(false),
                       several ? [total] : [total, cpu("user", "cpu_user_us"), cpu("system", "cpu_system_us")]),
            timeFigure("Memory of the daemon", "resident, MiB", countAxis(false), [level("resident", "rss_bytes", 1 / 1048576)]),
            timeFigure("Context switches", "per second", countAxis(false),
                       [switches("voluntary", "voluntary_switches"), switches("involuntary", "involuntary_switches")]),
            timeFigure("Descriptors and threads", "open at a time", countAxis(true),
                       [level("descriptors", "descriptors"), level("threads", "threads")])];
  }

  // Tables at the end.

  function countsTable(caption, kindName, counts) {
    const kinds = [...new Set(runs.flatMap((_, i) => Object.keys(counts(i))))];
    const rows = kinds.map((kind) => row(kind, ...runs.map((_, i) => cell((counts(i)[kind] || 0).toLocaleString("en-US"), "number"))));
    return table(caption, [[kindName, ""], ...runHeads().map(([name, kind]) => [name || "count", kind])], rows);
  }
  function errorsPart() {
    const any = runs.some((run) => Object.keys(run.errors).length);
    return any ? countsTable("How often each kind of error happened", "kind", (i) => runs[i].errors) :
      html("p", {class: "soft"}, "There were no errors.");
  }
  function outcomesPart() {
    return countsTable("Messages by their end", "end", (i) => ({...runs[i].outcomes, failed: runs[i].failed,
                       "aborted on purpose": runs[i].aborted, "in flight at the end": runs[i].in_flight}));
  }
  function verdictsPart(run, i) {
    const {compared, same, changed, changes} = run.verdicts;
    const name = several ? `${shortName(i)}: ` : "";
    if (!compared) return html("p", {class: "soft"}, `${name}not compared with a recording.`);
    const counted = `${name}${changed.toLocaleString("en-US")} of ${(same + changed).toLocaleString("en-US")} verdicts changed`;
    if (!changes.length) return html("p", {class: "soft"}, `${counted}.`);
    const rows = changes.map((change) => row(change.queue_id, cell(String(change.session), "number"),
      cell(String(change.message), "number"), ...["recorded", "played", "difference"].map((key) => cell(change[key], "text long"))));
    const listed = changes.length < changed ? `; the first ${changes.length.toLocaleString("en-US")} are listed` : "";
    return table(counted + listed, [["queue id", ""], ["session", "number"], ["message", "number"], ["recorded", ""], ["played", ""],
                                   ["what differs", ""]], rows);
  }

  const cost = costPlots();
  main.replaceChildren(...[
    head(),
    section("Latency", grid(...latencyPlots())),
    section("Load", grid(...loadPlots())),
    section("Cost", cost.length ? grid(...cost) : html("p", {class: "soft"}, "The daemon was not sampled: --pid does that.")),
    section("Figures", grid(figuresTable(), html("div", {class: "stack"}, playedTable(), outcomesPart(), errorsPart()))),
    section("Verdicts against the recording", ...runs.map(verdictsPart)),
    html("footer", {}, "Made by millrace-replay. The page is complete in itself; its data is the element report-data."),
  ]);
  plots.drawAll();
  if (location.hash === "#tables") for (const details of document.querySelectorAll("details")) details.open = true;
})();
