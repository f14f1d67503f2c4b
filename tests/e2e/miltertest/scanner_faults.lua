-- A scanner that breaks off, says nonsense or says nothing: a temporary failure each time, and the
-- session lives.
dofile(folder .. "/session.lua")

local session = open()
for _, fault in ipairs({ "half", "noend", "close" }) do
  deliver(session, "<" .. fault .. "@scan.test>")
  check(mt.eom_check(session, MT_SMTPREPLY, "451", "4.6.0", "Content scanner malfunction"),
    fault .. " is no temporary failure")
end
deliver(session, "<continue@scan.test>")
check(last_reply(session) == "c", "the session did not survive")
mt.disconnect(session)
