# For an Arvados administrator who grants policies with `arv-vault grant`. It reads what counts at the
# mount and what a user would get. It changes nothing in the server: a grant is a link in Arvados.
path "auth/arvados/config" {
  capabilities = ["read"]
}
path "auth/arvados/explain" {
  capabilities = ["update"]
}
path "auth/arvados/grants" {
  capabilities = ["list"]
}
path "auth/arvados/grants/*" {
  capabilities = ["read"]
}
path "auth/arvados/refusals" {
  capabilities = ["list"]
}
