-- What is over stays for so long, so that a clock set back a little finds the last tokens.
local KEEP_MS = 5000
