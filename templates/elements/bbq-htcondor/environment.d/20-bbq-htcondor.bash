case "${DIB_RELEASE:-}" in
    bullseye|bookworm) echo "Debian has HTCondor since its release 13: $DIB_RELEASE lacks it"; exit 1 ;;
esac
