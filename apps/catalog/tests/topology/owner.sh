# Runs a program, $2 and what follows, in the folder $1, and ends it when its owner is gone, however the owner went.
#
# Standard input is a pipe whose other end the owner alone holds: it ends when the owner closes it and when the owner dies.
trap '' HUP INT
cd "$1" || exit 1
shift
"$@" </dev/null >>log 2>&1 &
pid=$!
echo "$pid" >pid.new && mv pid.new pid
read -r order
# TERM, since a master that is killed leaves its workers behind; KILL for one that does not listen.
kill -s TERM "$pid" 2>/dev/null
(sleep 5; kill -s KILL "$pid" 2>/dev/null) </dev/null >/dev/null 2>&1 &
reaper=$!
wait "$pid" 2>/dev/null
kill -s KILL "$reaper" 2>/dev/null
