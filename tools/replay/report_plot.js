"use strict";
// Plots as SVG: axes, lines, legend, values under the pointer, the same data as a table.
//
//   plots.figure({title, note, x: {kind: "time" | "percentile"}, y: {kind: "log" | "linear", format, whole, name},
//                 series: [{name, color: 0..7, dash, below, points: [[x, y or null], ...]}]})  ->  <figure>
//
// x is seconds since the start, or log10(1 / (1 - q)) of a percentile q: 0 %, 90 %, 99 % are as far apart as
// 99 % and 99.9 %, so the tail is seen. A line breaks where y is null; a point alone is a small
// square on its corner. Drawn again when the
// width changes. Knows numbers only; every text becomes a text node.
const plots = (() => {
  const NAMESPACE = document.getElementById("drawing").namespaceURI;
  const MARGIN = {left: 62, right: 14, top: 10, bottom: 42};
  const CHARACTER = 6.7;  // width of one in a tick's text, at 12 px
  const DASHES = {solid: "", dashed: "7 4", dotted: "1.5 4"};

  function add(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    for (const child of children) if (child !== null) node.append(child);
    return node;
  }
  const html = (name, attributes, ...children) => add(document.createElement(name), attributes, children);
  const svg = (name, attributes, ...children) => add(document.createElementNS(NAMESPACE, name), attributes, children);

  // Three digits that count: "0.012", "9.41", "812", "1,043".
  function digits(value) {
    const rounded = Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3));
    return rounded.toLocaleString("en-US", {maximumFractionDigits: 6});
  }
  function duration(us) {
    if (us < 1000) return digits(us) + " µs";
    return us < 1e6 ? digits(us / 1000) + " ms" : digits(us / 1e6) + " s";
  }
  function clock(seconds, span) {
    const two = (number) => String(Math.floor(number)).padStart(2, "0");
    if (span <= 180) return digits(seconds) + " s";
    if (span <= 7200) return Math.floor(seconds / 60) + ":" + two(seconds % 60);
    return Math.floor(seconds / 3600) + ":" + two((seconds % 3600) / 60);
  }
  function percentile(x) {
    if (x <= 0) return "0 %";
    const nines = Math.max(0, Math.ceil(x) - 1);
    return ((1 - Math.pow(10, -x)) * 100).toFixed(nines).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "") + " %";
  }

  // Scales: {low, high, ticks, place(value) -> 0..1}.
  function niceStep(span, count, steps) {
    const power = Math.pow(10, Math.floor(Math.log10(span / count)));
    return (steps.find((step) => step * power * count >= span) || 10) * power;
  }
  function linearScale(high, whole) {
    const top = high > 0 ? high : 1;
    const step = Math.max(niceStep(top, 5, [1, 2, 2.5, 5]), whole || high <= 0 ? 1 : 0);
    const count = Math.max(1, Math.ceil(top / step - 1e-9));
    const ticks = Array.from({length: count + 1}, (_, i) => i * step);
    return {low: 0, high: count * step, ticks, place: (value) => value / (count * step)};
  }
  function logScale(values) {
    const positive = values.filter((value) => value > 0);
    const low = positive.length ? Math.min(...range(positive)) : 1;
    const high = positive.length ? Math.max(...range(positive)) : 10;
    const all = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const digit of [1, 2, 5]) all.push(digit * Math.pow(10, power));
    let first = Math.max(0, all.findLastIndex((tick) => tick <= low * 1.0001));
    let last = all.findIndex((tick) => tick >= high * 0.9999);
    if (last <= first) last = Math.min(first + 1, all.length - 1);
    const ends = [Math.log10(all[first]), Math.log10(all[last])];
    const decades = ends[1] - ends[0];
    const ticks = all.slice(first, last + 1).filter((tick) => decades <= 2.5 || Number.isInteger(round(Math.log10(tick))));
    const place = (value) => Math.max(0, (Math.log10(Math.max(value, all[first])) - ends[0]) / decades);
    return {low: all[first], high: all[last], ticks, place};
  }
  const round = (value) => Math.round(value * 1e9) / 1e9;
  // Smallest and largest, without as many arguments as there are values.
  function range(values) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
    return [low, high];
  }
  function timeScale(high) {
    const steps = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800];
    const span = high > 0 ? high : 1;
    const step = span < 6 ? niceStep(span, 6, [1, 2, 5]) : steps.find((each) => span / each <= 8) || span / 8;
    const ticks = Array.from({length: Math.floor(span / step + 1e-9) + 1}, (_, i) => i * step);
    return {low: 0, high: span, ticks, place: (value) => value / span};
  }
  function percentileScale(high) {
    const span = Math.max(high, 1);
    const ticks = [0, Math.log10(2)];
    for (let nines = 1; nines <= span + 1e-9; nines++) ticks.push(nines);
    return {low: 0, high: span, ticks, place: (value) => Math.min(1, value / span)};
  }

  const valuesOf = (plot) => plot.series.flatMap((each) => each.points.map((point) => point[1])).filter((y) => y !== null);
  function xScale(plot) {
    const last = Math.max(0, ...plot.series.map((each) => each.end || 0));
    return plot.x.kind === "time" ? timeScale(last) : percentileScale(last);
  }
  function yScale(plot) {
    const values = valuesOf(plot);
    if (plot.y.kind === "log") return logScale(values);
    return linearScale(values.length ? range(values)[1] : 0, plot.y.whole);
  }

  // A line through the points; for percentiles a stair, as a value holds for a range of them.
  function pathOf(series, place, stair) {
    const parts = [];
    let before = null;
    series.points.forEach(([x, y], i) => {
      if (y === null) { before = null; return; }
      const [px, py] = place(x, y).map((value) => value.toFixed(1));
      const alone = before === null && (i + 1 >= series.points.length || series.points[i + 1][1] === null);
      if (alone) parts.push(`M${px} ${py}m-3 0l3-3 3 3-3 3z`);
      else if (before === null) parts.push(`M${px} ${py}`);
      else if (stair) parts.push(`V${py}H${px}`);
      else parts.push(`L${px} ${py}`);
      before = y;
    });
    return parts.join("");
  }

  function line(x1, y1, x2, y2, kind) {
    return svg("line", {x1, y1, x2, y2, class: kind});
  }
  function drawXAxis(drawing, plot, scale, box) {
    const text = (tick) => plot.x.kind === "time" ? clock(tick, scale.high) : percentile(tick);
    let free = -Infinity;
    for (const tick of scale.ticks) {
      const x = box.left + scale.place(tick) * box.width;
      drawing.append(line(x, box.top, x, box.top + box.height, "gridline"));
      const half = text(tick).length * CHARACTER / 2;
      const center = Math.min(x, box.left + box.width + MARGIN.right - half);
      if (center - half < free) continue;
      free = center + half + 8;
      drawing.append(svg("text", {x: center, y: box.top + box.height + 17, class: "tick", "text-anchor": "middle"}, text(tick)));
    }
    const unit = scale.high <= 180 ? "" : scale.high <= 7200 ? " (min:s)" : " (h:min)";
    const name = plot.x.kind === "time" ? "time since the start" + unit : "percentile of messages";
    drawing.append(svg("text", {x: box.left + box.width / 2, y: box.top + box.height + 36, class: "axis-name",
                                "text-anchor": "middle"}, name));
  }
  function drawYAxis(drawing, plot, scale, box) {
    let free = Infinity;
    for (const tick of scale.ticks) {
      const y = box.top + (1 - scale.place(tick)) * box.height;
      drawing.append(line(box.left, y, box.left + box.width, y, "gridline"));
      if (y > free) continue;
      free = y - 15;
      drawing.append(svg("text", {x: box.left - 7, y: y + 4, class: "tick", "text-anchor": "end"}, plot.y.format(tick)));
    }
    drawing.append(line(box.left, box.top, box.left, box.top + box.height, "axis"));
    drawing.append(line(box.left, box.top + box.height, box.left + box.width, box.top + box.height, "axis"));
  }

  // A line that others may cover is drawn below them and wider.
  const kindOf = (series) => `series s${series.color % 8}${series.below ? " below" : ""}`;

  let count = 0;
  function draw(plot, holder) {
    const width = Math.max(260, holder.clientWidth || 640);
    const height = Math.round(Math.min(340, Math.max(220, width * 0.42)));
    const box = {left: MARGIN.left, top: MARGIN.top, width: width - MARGIN.left - MARGIN.right,
                 height: height - MARGIN.top - MARGIN.bottom};
    const id = `plot-${++count}`;
    const drawing = svg("svg", {viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-labelledby": `${id}-title ${id}-text`},
                        svg("title", {id: `${id}-title`}, plot.title), svg("desc", {id: `${id}-text`}, describe(plot)));
    const [x, y] = [xScale(plot), yScale(plot)];
    drawXAxis(drawing, plot, x, box);
    drawYAxis(drawing, plot, y, box);
    const place = (px, py) => [box.left + x.place(px) * box.width, box.top + (1 - Math.min(1, y.place(py))) * box.height];
    for (const each of plot.series) {
      drawing.append(svg("path", {d: pathOf(each, place, plot.x.kind === "percentile"), class: kindOf(each),
                                  "stroke-dasharray": DASHES[each.dash || "solid"], "data-series": each.name,
                                  "data-points": each.points.filter((point) => point[1] !== null).length}));
    }
    holder.replaceChildren(drawing);
    follow(plot, drawing, x, box);
  }
  function describe(plot) {
    const parts = plot.series.map((each) => {
      const values = each.points.map((point) => point[1]).filter((value) => value !== null);
      if (!values.length) return `${each.name}: no values`;
      const [low, high] = range(values);
      return `${each.name}: from ${plot.y.format(low)} to ${plot.y.format(high)}`;
    });
    return parts.join("; ");
  }

  // The series' value at x: of the point that is nearest, or of the stair's step.
  function valueAt(series, x, stair) {
    const points = series.points;
    let [low, high] = [0, points.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < x) low = middle + 1; else high = middle;
    }
    const nearer = !stair && low > 0 && x - points[low - 1][0] < points[low][0] - x;
    return points.length ? points[nearer ? low - 1 : low][1] : null;
  }
  function follow(plot, drawing, scale, box) {
    const cursor = line(0, box.top, 0, box.top + box.height, "cursor");
    const stair = plot.x.kind === "percentile";
    drawing.addEventListener("pointermove", (event) => {
      const at = event.clientX - drawing.getBoundingClientRect().left;
      const share = Math.min(1, Math.max(0, (at - box.left) / box.width));
      const x = share * scale.high;
      cursor.setAttribute("x1", box.left + share * box.width);
      cursor.setAttribute("x2", box.left + share * box.width);
      drawing.append(cursor);
      plot.readout.textContent = "at " + (stair ? percentile(x) : clock(x, scale.high));
      plot.series.forEach((each, i) => {
        const value = valueAt(each, x, stair);
        plot.legend[i].textContent = value === null ? "-" : plot.y.format(value);
      });
    });
    drawing.addEventListener("pointerleave", () => {
      cursor.remove();
      plot.readout.textContent = "";
      for (const value of plot.legend) value.textContent = "";
    });
  }

  function legend(plot) {
    plot.legend = plot.series.map(() => html("span", {class: "value"}));
    return html("ul", {class: "legend"}, ...plot.series.map((each, i) => html("li", {},
      svg("svg", {width: 26, height: 10, "aria-hidden": "true"},
          svg("path", {d: "M1 5H25", class: kindOf(each), "stroke-dasharray": DASHES[each.dash || "solid"]})),
      html("span", {}, each.name), plot.legend[i])), plot.readout);
  }
  function table(plot) {
    const stair = plot.x.kind === "percentile";
    const wanted = [0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999].map((q) => Math.log10(1 / (1 - q)));
    const longest = plot.series.reduce((most, each) => each.points.length > most.length ? each.points : most, []);
    const rows = stair ? wanted : longest.map((point) => point[0]);
    const end = Math.max(...plot.series.map((each) => each.end || 0));
    const cells = (x) => plot.series.map((each) => {
      const value = x > (each.end || 0) ? null : valueAt(each, x, stair);
      return html("td", {class: "number"}, value === null ? "-" : plot.y.format(value));
    });
    return html("table", {},
      html("thead", {}, html("tr", {}, html("th", {scope: "col"}, stair ? "percentile" : "time"),
                             ...plot.series.map((each) => html("th", {scope: "col", class: "number"}, each.name)))),
      html("tbody", {}, ...rows.map((x) => html("tr", {}, html("th", {scope: "row"}, stair ? percentile(x) : clock(x, end)),
                                               ...cells(x)))));
  }

  function figure(plot) {
    for (const each of plot.series) if (each.end === undefined && each.points.length) each.end = each.points.at(-1)[0];
    const holder = html("div", {class: "drawing"});
    plot.readout = html("li", {class: "readout", "aria-hidden": "true"});
    const details = html("details", {}, html("summary", {}, "as a table"));
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(html("div", {class: "scroll tall"}, table(plot)));
    });
    let button = null;
    if (plot.y.kind === "log") {
      button = html("button", {type: "button", "aria-pressed": "false"}, "linear scale");
      button.addEventListener("click", () => {
        plot.y.kind = plot.y.kind === "log" ? "linear" : "log";
        button.setAttribute("aria-pressed", String(plot.y.kind === "linear"));
        draw(plot, holder);
      });
    }
    const node = html("figure", {class: plot.wide ? "plot wide" : "plot"}, html("figcaption", {}, html("h3", {}, plot.title), button),
                      plot.note ? html("p", {class: "note"}, plot.note) : null, legend(plot), holder, details);
    drawings.push({plot, holder, width: -1});
    return node;
  }

  // Draws the figures whose width is new: once when they stand in the document, and when the window changes.
  const drawings = [];
  function drawAll() {
    for (const drawing of drawings) {
      if (drawing.holder.clientWidth === drawing.width) continue;
      drawing.width = drawing.holder.clientWidth;
      draw(drawing.plot, drawing.holder);
    }
  }
  window.addEventListener("resize", () => requestAnimationFrame(drawAll));

  return {html, digits, duration, figure, drawAll};
})();
