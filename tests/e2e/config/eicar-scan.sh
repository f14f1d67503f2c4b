#!/bin/sh
# A virus scanner for the tests: $1 is the directory of decoded parts; finds the EICAR string, exits 10 with its name.
# The string is put together here so that real scanners leave this file alone.
PREFIX='X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR'
if grep -rqsF -- "$PREFIX-STANDARD-ANTIVIRUS-TEST-FILE" "$1"; then
  echo "FOUND Eicar-Signature"
  exit 10
fi
exit 0
