import { join } from 'node:path'
import { debianProgram, goModuleProgram, goProgram } from '../../support/engines/toolbox.ts'

const folder = join(import.meta.dirname, 'programs')

const kubernetesProgram = (name: string): Promise<string> =>
  goModuleProgram({ name, folder, target: `k8s.io/kubernetes/cmd/${name}` })

/** The Go module of kwok, which plays the kubelet of every node: pods run without a container. */
export const KWOK = 'sigs.k8s.io/kwok@v0.8.0'
/** The Go module that holds the definitions of ExternalSecret and SecretStore. */
export const EXTERNAL_SECRETS = 'github.com/external-secrets/external-secrets@v0.16.2'

export const kubectlProgram = (): Promise<string> => kubernetesProgram('kubectl')

export type Programs = Readonly<
  Record<'etcd' | 'apiServer' | 'controllerManager' | 'scheduler' | 'kwok' | 'kubectl', string>
>

/** What a cluster is made of; built where the machine has it not yet, one after the other. */
export const clusterPrograms = async (): Promise<Programs> => ({
  etcd: await debianProgram('etcd', ['etcd-server']),
  apiServer: await kubernetesProgram('kube-apiserver'),
  kubectl: await kubectlProgram(),
  controllerManager: await kubernetesProgram('kube-controller-manager'),
  scheduler: await kubernetesProgram('kube-scheduler'),
  kwok: await goProgram(KWOK.replace('@', '/cmd/kwok@')),
})
