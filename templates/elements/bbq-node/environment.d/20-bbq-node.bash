# cloud-init writes what the cloud says of the network; fixed names of interfaces would be in its way.
export DIB_APT_MINIMAL_CREATE_INTERFACES=${DIB_APT_MINIMAL_CREATE_INTERFACES:-0}
