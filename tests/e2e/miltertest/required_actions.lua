-- The daemon asks for the actions that it needs.
dofile(folder .. "/session.lua")

local session = open(6)
check(mt.test_action(session, SMFIF_ADDHDRS), "ADDHDRS not asked for")
check(mt.test_action(session, SMFIF_CHGHDRS), "CHGHDRS not asked for")
check(mt.test_action(session, SMFIF_ADDRCPT), "ADDRCPT not asked for")
check(mt.test_action(session, SMFIF_DELRCPT), "DELRCPT not asked for")
mt.disconnect(session)
