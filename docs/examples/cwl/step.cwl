cwlVersion: v1.2
class: CommandLineTool
label: A step that gets a password in a file, one in the environment and one inside of a config file

requirements:
  # A token and a network: without them nobody can log in.
  NetworkAccess:
    networkAccess: true
  # Addresses and names only. Values never: they land in Keep and in logs.
  EnvVarRequirement:
    envDef:
      BAO_ADDR: $(inputs.vault)
      ARV_VAULT_ROLE: $(inputs.role)
hints:
  # Arvados may give the output of an identical step to another user.
  WorkReuse:
    enableReuse: false

# Not reached, busy or timed out: worth another try.
temporaryFailCodes: [75]

inputs:
  client:
    type: File
    doc: arv-vault, for images that do not have it; a file in a Keep collection
  vault:
    type: string
  role:
    type: string
  secret:
    type: string
    default: secret/genomics/db
  template:
    type: File
    doc: a config file with references; no secret is in it
    default:
      class: File
      location: database.yaml.in
  work:
    type: File
    default:
      class: File
      location: work.sh

baseCommand: []
arguments:
  - $(inputs.client.path)
  - exec
  - --env=DB_PASSWORD=$(inputs.secret)#password
  # In memory, never in the output folder: all that is there is saved.
  - --file=/dev/shm/db-password=$(inputs.secret)#password
  - --template=/dev/shm/database.yaml=$(inputs.template.path)
  - --supervise
  - --
  - sh
  - $(inputs.work.path)

outputs:
  result:
    type: stdout
stdout: result.txt
