# Runs a server, $2 and what follows, and ends it when its owner is gone, however the owner went; then removes the
# server's folder, which is $1.
#
# Standard input is a pipe whose other end the owner alone holds. It ends when the owner closes it and when the owner
# dies, be it by SIGKILL. The line `stop` ends the server and leaves the folder, for the next start.
trap '' HUP INT
folder=$1
shift
"$@" </dev/null >>"$folder/log" 2>&1 &
pid=$!
echo "$pid" >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
order=
read -r order
# Until we wait for it nobody else can have its number. KILL also ends one that is stopped.
kill -s KILL "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
rm -f "$folder/pid"
[ "$order" = stop ] || rm -rf "$folder"
