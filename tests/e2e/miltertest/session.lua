-- What all scripts share: a session with the daemon, step by step, each step checked.
-- Globals given on miltertest's command line: `milter` (the daemon's socket), `folder` (of these
-- scripts).

function check(condition, what)
  if not condition then
    error(what, 2)
  end
end

-- miltertest's functions return nil when all is well.
local function step(result, what)
  check(result == nil, what .. " failed")
end

function last_reply(session)
  return string.char(mt.getreply(session))
end

function connect()
  local session = mt.connect(milter)
  check(session, "no connection to " .. milter)
  return session
end

-- A session that has said who the client is. `version`, `protocol` and `actions` are optional (see
-- mt.negotiate).
function open(version, protocol, actions)
  local session = connect()
  if version then
    step(mt.negotiate(session, version, protocol, actions), "negotiation")
  end
  mt.macro(session, SMFIC_CONNECT, "j", "mx.lab.test", "{daemon_name}", "mx.lab.test")
  step(mt.conninfo(session, "client.example.net", "192.0.2.9"), "CONNECT")
  step(mt.helo(session, "client.example.net"), "HELO")
  return session
end

-- A message up to its body; the scripted scanner chooses its answer by the first recipient.
function send(session, recipients, body)
  mt.macro(session, SMFIC_MAIL, "i", "4CC63A76085")
  step(mt.mailfrom(session, "<alice@example.net>"), "MAIL")
  for _, recipient in ipairs(recipients) do
    step(mt.rcptto(session, recipient), "RCPT")
  end
  step(mt.header(session, "From", "<alice@example.net>"), "header")
  step(mt.header(session, "Subject", "x"), "header")
  step(mt.eoh(session), "end of header")
  step(mt.bodystring(session, body or "hello\r\n"), "body")
end

function deliver(session, ...)
  send(session, { ... })
  step(mt.eom(session), "end of message")
end
