-- Each verdict of the scanner reaches the mail server, one session each.
dofile(folder .. "/session.lua")

local session = open()
deliver(session, "<continue@scan.test>")
check(last_reply(session) == "c", "clean mail is not continued")
check(mt.eom_check(session, MT_HDRINSERT, "X-Virus-Scanned"), "no header field")
mt.disconnect(session)

session = open()
deliver(session, "<accept@scan.test>")
check(last_reply(session) == "a" or last_reply(session) == "c", "accepted mail does not pass")
mt.disconnect(session)

session = open()
deliver(session, "<discard@scan.test>")
check(last_reply(session) == "d", "not discarded")
mt.disconnect(session)

session = open()
deliver(session, "<reject@scan.test>")
check(last_reply(session) == "y", "not rejected with a text")
check(mt.eom_check(session, MT_SMTPREPLY, "554", "5.7.0", "Reject - INFECTED"), "another text")
mt.disconnect(session)

session = open()
deliver(session, "<tempfail@scan.test>")
check(mt.eom_check(session, MT_SMTPREPLY, "450", "4.5.0", "try later"), "another text")
mt.disconnect(session)
