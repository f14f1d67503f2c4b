-- A mail server of version 2 that offers no protocol steps to leave out: every command is answered.
dofile(folder .. "/session.lua")

local session = open(2, 0, SMFIF_ADDHDRS + SMFIF_CHGHDRS + SMFIF_ADDRCPT + SMFIF_DELRCPT)
check(not mt.test_option(session, SMFIP_NODATA), "asked for what was not offered")
deliver(session, "<tag@scan.test>")
check(last_reply(session) == "c", "not continued")
check(mt.eom_check(session, MT_HDRINSERT, "X-Spam-Flag"), "nothing inserted")
mt.disconnect(session)
