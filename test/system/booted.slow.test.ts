// The units under a real systemd, booted in a container over this very system; booted.ts tries them inside.

import { rmSync, symlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { testScratch } from '../support/scratch.ts';
import { bootUnavailable, isBootImpossible, Machine } from './machine.ts';

if (!isBootImpossible)
  describe('the units under a booted systemd', async () => {
    it('start, reload, restart and are replaced as they should', {
      skip: await bootUnavailable(),
    }, async (t) => {
      const machine = await Machine.make(testScratch(t));
      for (const [name, target] of [
        ['mailgwd', '/opt/mailgw/bin/mailgwd'],
        ['mailgw-ctl', '/opt/mailgw/bin/mailgw-ctl'],
        ['node', '/opt/node/bin/node'],
      ] as const) {
        rmSync(machine.path('usr/local/bin', name), { force: true });
        symlinkSync(target, machine.path('usr/local/bin', name));
      }
      await machine.takeSteps(t, 'booted.js', 'var/log/mailgw.log');
    });
  });
