-- One session, many messages: each gets its own verdict, and nothing of one is seen in the next.
dofile(folder .. "/session.lua")

local session = open()
for _ = 1, 3 do
  deliver(session, "<continue@scan.test>")
  check(last_reply(session) == "c", "not continued")
  deliver(session, "<reject@scan.test>")
  check(last_reply(session) == "y", "not rejected")
  send(session, { "<discard@scan.test>" })
  mt.abort(session)
  deliver(session, "<tag@scan.test>")
  check(last_reply(session) == "c", "not continued after an abort")
end
mt.disconnect(session)
