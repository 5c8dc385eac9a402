# Ends the PostgreSQL server of a test when its owner is gone, however the owner went, and removes
# the server's folder, which is $1.
#
# Standard input is a pipe whose other end the owner alone holds. It ends when the owner closes it
# and when the owner dies, be it by SIGKILL: nobody has to tell this script anything.

# A terminal's Ctrl-C or hang-up is the owner's business. A SIGTERM means that everything is to end.
trap '' HUP INT
trap : TERM
folder=$1
while read -r _; do :; done

# Renaming comes first: a program that is just being started can't note its process id any more
# and gives up by itself (see postmaster.rs). All the others have noted theirs before.
mv "$folder/run" "$folder/ended" 2>/dev/null
read -r pid signal <"$folder/ended/pid" 2>/dev/null

alive() { kill -s 0 -- "-$pid" 2>/dev/null; }

if [ -n "$pid" ] && alive; then
    # CONT, since a test may have stopped it.
    [ "$signal" = none ] || kill -s "$signal" -- "-$pid" 2>/dev/null
    kill -s CONT -- "-$pid" 2>/dev/null
    tries=0
    while alive && [ "$tries" -lt 240 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    kill -s KILL -- "-$pid" 2>/dev/null
fi
rm -rf "$folder" 2>/dev/null || { sleep 1; rm -rf "$folder"; }
