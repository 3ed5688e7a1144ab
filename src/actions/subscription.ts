/**
 * A subscription of an SNS topic, confirmed by the operator.
 *
 * Contract: what a topic asked is beside the store; the answer goes to the pinned topic's own host, and nowhere else. A
 * question that was answered is forgotten. Failure: a Fault that says what is missing, or what SNS answered.
 */
import type { Config } from '../site/config.ts';
import { confirm, forgetPending, pendingFile, readPending } from '../sources/webhook/ses/confirmation.ts';
import { type Connections, openConnections } from '../sources/webhook/ses/get.ts';
import { readOptions } from '../sources/webhook/ses/ses.ts';
import { pathOf } from '../sources/webhook/settings.ts';
import { badInput, describe, EXIT, Fault } from './fault.ts';

/** A subscription that was confirmed. */
export interface Subscription {
  readonly source: string;
  readonly topicArn: string;
  readonly subscriptionArn: string;
}

/** Confirms the subscription of a source; `connect` opens connections that believe these authorities, or Node's. */
export async function confirmSubscription(
  config: Config,
  name: string,
  connect: (ca: string | undefined) => Connections = openConnections,
): Promise<Subscription> {
  const index = config.webhook.each.findIndex((each) => each.name === name);
  const webhook = config.webhook.each[index];
  if (webhook?.kind !== 'ses') throw badInput(unknownSource(config, name));
  const read = readOptions(webhook, `webhook[${index}]`);
  if (!read.ok) throw new Fault(EXIT.configuration, read.problems);
  const { topic, ca } = read.options;
  const file = pendingFile(config.store.path, name);
  const pending = await readPending(file);
  if (pending === undefined)
    throw badInput(
      `source "${name}": no topic has asked; subscribe the URL that ends in ${pathOf(webhook)} to ${topic.arn} by HTTPS, or have SNS ask again there ("Request confirmation")`,
    );
  const connections = connect(ca?.pem);
  try {
    const confirmed = await confirm(pending, topic, connections.get);
    if (!confirmed.ok) throw new Fault(EXIT.unavailable, `source "${name}": ${confirmed.problem}`);
    await forgetPending(file);
    return { source: name, topicArn: topic.arn, subscriptionArn: confirmed.subscriptionArn };
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(EXIT.unavailable, `source "${name}": ${topic.host}: ${describe(error)}`, {
      cause: error,
    });
  } finally {
    await connections.close();
  }
}

function unknownSource({ webhook }: Config, name: string): string {
  const names = webhook.each.filter(({ kind }) => kind === 'ses').map((each) => `"${each.name}"`);
  const known = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`;
  return `source "${name}": is no [[webhook]] of kind "ses"; ${known}`;
}
