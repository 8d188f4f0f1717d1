cwlVersion: v1.2
class: CommandLineTool
label: The same step. The password is no input any more; arv-vault writes the same file, in memory.

requirements:
  NetworkAccess:
    networkAccess: true
  InitialWorkDirRequirement:
    listing:
      - entryname: database.ini.in
        entry: |
          [database]
          password = \${vault:secret/genomics/db#password}
hints:
  WorkReuse:
    enableReuse: false
temporaryFailCodes: [75]

inputs: []

baseCommand: [arv-vault, exec, --template=/dev/shm/database.ini=database.ini.in, --supervise, --]
arguments: [sh, -c, 'wc -c < /dev/shm/database.ini']
outputs:
  result:
    type: stdout
stdout: result.txt
