# Sourced by path.sh: settings of this machine belong here.
