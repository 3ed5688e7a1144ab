// What systemd is told, written to a file that stands where its socket does.

import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { openSupervision } from '../../src/system/supervision.ts';
import { eventually } from '../support/eventually.ts';
import { testScratch } from '../support/scratch.ts';

it('a sign of life comes only after the store has answered', async (t) => {
  const scratch = testScratch(t);
  const fd = openSync(scratch.path('told'), 'a');
  scratch.defer(() => {
    closeSync(fd);
  });
  const told = (): string => readFileSync(scratch.path('told'), 'utf8');
  let answer: (() => void) | undefined;
  let asked = 0;
  const supervision = openSupervision({
    environment: {
      NOTIFY_SOCKET: '/run/systemd/notify',
      MAILGW_NOTIFY_FD: String(fd),
      WATCHDOG_USEC: '30000',
      WATCHDOG_PID: '4711',
    },
    pid: 4711,
    ping: () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    status: () => Promise.resolve(`asked ${asked} times`),
  });
  assert.equal(told(), '');
  supervision.ready();
  const store = await eventually(() => answer, told);
  assert.equal(told(), 'READY=1\nSTATUS=asked 0 times');
  assert.equal(asked, 1);
  store();
  await eventually(() => (told().includes('WATCHDOG=1\nSTATUS=asked 1 times') ? true : undefined), told);
  await eventually(() => (asked === 2 ? true : undefined), told);
  assert.equal(told().match(/WATCHDOG=1/g)?.length, 1);
});

it('nothing is told to nobody', () => {
  const refuse = (): never => {
    throw new Error('nobody asked');
  };
  const supervision = openSupervision({ environment: {}, pid: 4711, ping: refuse, status: refuse });
  supervision.ready();
  supervision.stopping();
});
