import { join } from 'node:path'
import { goModuleFolder } from '../../support/engines/toolbox.ts'
import { EXTERNAL_SECRETS } from './programs.ts'

const closed = (properties: object, required: readonly string[]) => ({
  type: 'object',
  properties,
  required,
})
const text = { type: 'string' }

/**
 * As much of the balancer controller's TargetGroupBinding as we use: its own definition is in no Go module of a version
 * that knows groups by name (2.10 and later).
 */
const targetGroupBinding = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'targetgroupbindings.elbv2.k8s.aws' },
  spec: {
    group: 'elbv2.k8s.aws',
    scope: 'Namespaced',
    names: {
      kind: 'TargetGroupBinding',
      listKind: 'TargetGroupBindingList',
      plural: 'targetgroupbindings',
      singular: 'targetgroupbinding',
    },
    versions: [
      {
        name: 'v1beta1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: closed(
            {
              spec: closed(
                {
                  targetGroupName: text,
                  targetType: { type: 'string', enum: ['instance', 'ip'] },
                  serviceRef: closed({ name: text, port: { 'x-kubernetes-int-or-string': true } }, [
                    'name',
                    'port',
                  ]),
                },
                ['targetGroupName', 'serviceRef'],
              ),
            },
            ['spec'],
          ),
        },
      },
    ],
  },
}

export type Definitions = {
  readonly files: readonly string[]
  readonly objects: readonly unknown[]
}

/** The kinds that operators bring to our clusters: files of theirs, and one of our own. */
export const definitions = async (): Promise<Definitions> => {
  const folder = join(await goModuleFolder(EXTERNAL_SECRETS), 'config/crds/bases')
  return {
    files: ['externalsecrets', 'secretstores'].map((kind) =>
      join(folder, `external-secrets.io_${kind}.yaml`),
    ),
    objects: [targetGroupBinding],
  }
}
