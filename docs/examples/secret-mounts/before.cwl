cwlVersion: v1.2
class: CommandLineTool
label: A step whose password is an input, hidden by cwltool:Secrets. On Arvados its file becomes a secret mount.

$namespaces:
  cwltool: http://commonwl.org/cwltool#
hints:
  cwltool:Secrets:
    secrets: [password]
requirements:
  InitialWorkDirRequirement:
    listing:
      - entryname: database.ini
        entry: |
          [database]
          password = $(inputs.password)

inputs:
  password: string

baseCommand: [sh, -c, 'wc -c < database.ini']
outputs:
  result:
    type: stdout
stdout: result.txt
