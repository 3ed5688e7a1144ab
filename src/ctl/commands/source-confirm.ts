/**
 * `mailgw-ctl source confirm`: says yes to an SNS topic that asked whether it may post to a webhook.
 *
 * Contract: of the question only the token is used, at the host of the topic that the configuration names. 65 where there
 * is no such source or no question, 69 where SNS says no or is not reached.
 */
import { confirmSubscription } from '../../actions/subscription.ts';
import type { CommandSpec } from '../command.ts';
import { openConfig } from '../session.ts';
import { printDone } from '../terminal/print.ts';

/** `source confirm`. */
export const confirmCommand: CommandSpec = {
  words: 'confirm <name>',
  summary:
    'confirm the subscription of the SNS topic that a webhook of kind "ses" pins, after the topic has asked',
  examples: ['confirm ses'],
  run: async (input, context) => {
    const { source, topicArn, subscriptionArn } = await confirmSubscription(
      openConfig(context),
      input.argument(),
    );
    const shown = { source, topic_arn: topicArn, subscription_arn: subscriptionArn };
    printDone(context.output, shown, `${source}: ${topicArn} posts mail here from now on`);
  },
};
