import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { connectTo, ProxiedBroker } from '../producing/producing-fixture.ts'
import { RunningTasks, TestWorker, type TestWorkerOptions } from './test-worker.ts'

/** A broker, and the workers of one group at a time. */
export class GroupScene {
  readonly kafka: ProxiedBroker
  running = new RunningTasks()
  #workers: TestWorker[] = []
  #clients: KafkaClient[] = []

  private constructor(kafka: ProxiedBroker) {
    this.kafka = kafka
  }

  static async start(): Promise<GroupScene> {
    return new GroupScene(await ProxiedBroker.start())
  }

  /** All workers that were started, also those that have stopped. */
  get workers(): readonly TestWorker[] {
    return this.#workers
  }

  async stopWorkers(): Promise<void> {
    this.kafka.proxy.restore()
    await Promise.all(this.#workers.map((worker) => worker.stop()))
    await Promise.all(this.#clients.map((client) => client.close()))
    this.#workers = []
    this.#clients = []
    this.running = new RunningTasks()
  }

  async stop(): Promise<void> {
    await this.stopWorkers()
    await this.kafka.stop()
  }

  async worker(
    group: string,
    name: string,
    options: Partial<TestWorkerOptions> = {},
  ): Promise<TestWorker> {
    // As in separate processes: joining waits on the connection for the other members.
    const client = options.client ?? (await connectTo(this.kafka.address))
    this.#clients.push(client)
    const { running } = this
    const worker = new TestWorker({ group, worker: name, running, ...options, client })
    this.#workers.push(worker)
    return worker
  }
}
