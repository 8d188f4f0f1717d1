# The server's configuration on each of three hosts; goes to /etc/openbao/openbao.hcl. What differs between them are two words:
#   @NODE@  the node's name in the cluster, as bao-1         @HOST@  this host's name or address, as the others reach it
# and what is alike: @HOST_1@ @HOST_2@ @HOST_3@  the same of all three. `up` renders this very file for the trial.

storage "raft" {
  path    = "/opt/openbao/data"
  node_id = "@NODE@"

  # The quickest fail-over; the default of 5 is for small machines and waits five times as long.
  performance_multiplier = 1

  # A new node asks each of these until one lets it in; a member that finds itself here does no harm.
  retry_join {
    leader_api_addr     = "https://@HOST_1@:8200"
    leader_ca_cert_file = "/opt/openbao/tls/ca.pem"
  }
  retry_join {
    leader_api_addr     = "https://@HOST_2@:8200"
    leader_ca_cert_file = "/opt/openbao/tls/ca.pem"
  }
  retry_join {
    leader_api_addr     = "https://@HOST_3@:8200"
    leader_ca_cert_file = "/opt/openbao/tls/ca.pem"
  }
}

# Keys lie outside of /etc, which is the one place with settings that the plugin's process may read.
listener "tcp" {
  address         = "@HOST@:8200"
  cluster_address = "@HOST@:8201"
  tls_cert_file   = "/opt/openbao/tls/server.pem"
  tls_key_file    = "/opt/openbao/tls/server.key"
}

api_addr     = "https://@HOST@:8200"
cluster_addr = "https://@HOST@:8201"

# A standby that answers reads by itself does not know a token yet that the leader made a moment ago: a job that logs in and reads
# its secret at once is then refused. So all goes to the leader, whichever node is asked.
disable_standby_reads = true

# OpenBao takes audit devices from here only. The path must be the same on all nodes. A server whose devices all fail answers
# nothing: give the log a file system of its own, and better a second device elsewhere (type "syslog", "socket").
audit "file" "file" {
  description = "every request and answer, secrets as HMACs"
  options {
    file_path = "/var/log/openbao/audit.log"
  }
}

# Folder and files belong to root: who can write here, and to the catalog, runs what he likes. No symbolic link.
plugin_directory = "/opt/openbao/plugins"

# Read at /v1/sys/metrics?format=prometheus, with a token whose policy allows it.
telemetry {
  prometheus_retention_time = "24h"
  disable_hostname          = true
}

# Refused logins are logged at debug, so that strangers can't fill the log; `info` has what is ours and Arvados' to mend.
log_level = "info"

# Nobody at the keyboard at 3 am: with this each node unseals itself. The key is 32 random bytes, the same on each node, and as
# worthy as the vault: see "Unsealing" in README.md for where it may lie. Without it `bao operator init` splits the key.
# seal "static" {
#   current_key_id = "2025-1"
#   current_key    = "file:///run/credentials/openbao.service/unseal-2025-1"
# }
