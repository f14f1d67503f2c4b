-- The scanner's edits arrive as milter replies: header fields inserted and changed, recipients
-- replaced and removed.
dofile(folder .. "/session.lua")

local session = open()
deliver(session, "<tag@scan.test>")
check(last_reply(session) == "c", "not continued")
check(mt.eom_check(session, MT_HDRINSERT, "X-Spam-Flag"), "nothing inserted")
local function changed(name)
  return mt.eom_check(session, MT_HDRCHANGE, name)
end
check(changed("Subject") or changed("subject"), "subject not changed")
mt.disconnect(session)

session = open()
deliver(session, "<rename@scan.test>")
check(mt.eom_check(session, MT_RCPTDELETE, "<rename@scan.test>"), "old recipient still there")
check(mt.eom_check(session, MT_RCPTADD, "<rename+spam@lab.test>"), "new recipient missing")
mt.disconnect(session)

session = open()
deliver(session, "<partial@scan.test>", "<other@scan.test>")
check(mt.eom_check(session, MT_RCPTDELETE, "<partial@scan.test>"), "recipient still there")
check(not mt.eom_check(session, MT_RCPTDELETE, "<other@scan.test>"), "the other is gone too")
mt.disconnect(session)
