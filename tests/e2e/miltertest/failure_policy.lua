-- A listener that quarantines what could not be scanned: held and continued; a temporary failure
-- where the mail server does not grant it. The session goes on.
dofile(folder .. "/session.lua")

local session = open()
for _, fault in ipairs({ "half", "noend", "close" }) do
  deliver(session, "<" .. fault .. "@scan.test>")
  check(last_reply(session) == "c", fault .. " is not let into the queue")
  check(mt.eom_check(session, MT_QUARANTINE), fault .. " is not held")
end
deliver(session, "<continue@scan.test>")
check(last_reply(session) == "c", "the session did not survive")
check(not mt.eom_check(session, MT_QUARANTINE), "a scanned message is held")
mt.disconnect(session)

session = open(6, nil, SMFIF_ADDHDRS + SMFIF_CHGHDRS + SMFIF_ADDRCPT + SMFIF_DELRCPT)
deliver(session, "<half@scan.test>")
check(mt.eom_check(session, MT_SMTPREPLY, "451", "4.7.0", "held nowhere"),
  "no temporary failure without quarantine")
mt.disconnect(session)
