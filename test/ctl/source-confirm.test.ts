// `mailgw-ctl source confirm`: the operator's yes goes to the pinned topic's own host, once.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { Fault } from '../../src/actions/fault.ts';
import { confirmSubscription } from '../../src/actions/subscription.ts';
import type { Config } from '../../src/site/config.ts';
import { keepPending, pendingFile } from '../../src/sources/webhook/ses/confirmation.ts';
import { configOf, LEAST } from '../config/least.ts';
import { serveHttp } from '../support/loopback.ts';
import { testScratch } from '../support/scratch.ts';
import { openTo, SNS_HOST, TOPIC_ARN } from '../support/sns.ts';

const ARN = `${TOPIC_ARN}:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55`;

function site(t: TestContext): Config {
  const path = testScratch(t).path('mailgw.db');
  return configOf(
    `${LEAST}
[store]
path = "${path}"
[inbound]
listen = "127.0.0.1:8026"
[[webhook]]
name = "ses"
kind = "ses"
topic_arn = "${TOPIC_ARN}"
[[webhook]]
name = "worker"
kind = "raw"
secret_file = "/etc/mailgw/worker.secret"
`,
  );
}

async function faultOf(running: Promise<unknown>): Promise<Fault> {
  const error = await running.then(
    () => assert.fail('no fault'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Fault, String(error));
  return error;
}

describe('source confirm', () => {
  it('confirms what the topic asked, and only once', async (t) => {
    const config = site(t);
    const file = pendingFile(config.store.path, 'ses');
    await keepPending(file, { topicArn: TOPIC_ARN, token: 'abc', at: 0 });
    const sns = await serveHttp(t, (_, response) =>
      response.end(`<SubscriptionArn>${ARN}</SubscriptionArn>`),
    );
    const connections = openTo({ [`https://${SNS_HOST}`]: sns }, undefined);
    const confirmed = await confirmSubscription(config, 'ses', () => connections);
    assert.deepEqual(confirmed, { source: 'ses', topicArn: TOPIC_ARN, subscriptionArn: ARN });
    assert.equal(connections.asked.length, 1);
    assert.equal(existsSync(file), false);
    const again = await faultOf(confirmSubscription(config, 'ses', () => connections));
    assert.equal(again.status, 65);
    assert.match(
      again.message,
      /no topic has asked; subscribe the URL that ends in \/in\/ses to arn:aws:sns/,
    );
    assert.equal(connections.asked.length, 1);
  });

  it('keeps the question where SNS says no, is not reached, or it is of another topic', async (t) => {
    const config = site(t);
    const file = pendingFile(config.store.path, 'ses');
    await keepPending(file, { topicArn: TOPIC_ARN, token: 'abc', at: 0 });
    const answers: readonly (readonly [number, string, RegExp])[] = [
      [400, '<Code>InvalidParameter</Code>', /answers 400 InvalidParameter/],
      [200, '<html>hello</html>', /answers 200/],
      [200, '<SubscriptionArn>arn:aws:sns:eu-west-1:210987654321:evil:1</SubscriptionArn>', /answers 200/],
      [302, '', /answers 302/],
    ];
    for (const [status, body, told] of answers) {
      const sns = await serveHttp(t, (_, response) =>
        response.writeHead(status, { location: '/x' }).end(body),
      );
      const connect = () => openTo({ [`https://${SNS_HOST}`]: sns }, undefined);
      const fault = await faultOf(confirmSubscription(config, 'ses', connect));
      assert.equal(fault.status, 69);
      assert.match(fault.message, told);
    }
    const lost = await faultOf(confirmSubscription(config, 'ses', () => openTo({}, undefined)));
    assert.match(lost.message, new RegExp(`${SNS_HOST}: getaddrinfo ENOTFOUND`));
    assert.ok(existsSync(file));
    await keepPending(file, { topicArn: 'arn:aws:sns:eu-west-1:210987654321:evil', token: 'abc', at: 0 });
    const connections = openTo({}, undefined);
    assert.match(
      (await faultOf(confirmSubscription(config, 'ses', () => connections))).message,
      /topic_arn is/,
    );
    assert.deepEqual(connections.asked, []);
  });

  it('names the sources there are, where it is none of them', async (t) => {
    for (const name of ['worker', 'other']) {
      const fault = await faultOf(confirmSubscription(site(t), name));
      assert.equal(fault.status, 65);
      assert.match(fault.message, /is no \[\[webhook\]\] of kind "ses"; there are "ses"/);
    }
  });
});
