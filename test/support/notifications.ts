// The notifications of the platforms as they write them: from the real ones what they sent, of the others what their source
// writes. Each is recognised by its own platform's sink and by no other's.

import type { SinkTable } from '../../src/sinks/sink-kind.ts';

/** A notification of a platform. */
export interface Sample {
  readonly fields: readonly string[];
  /** The lines of the body, where the header does not say enough. */
  readonly body?: readonly string[];
  /** The thread that it is about. */
  readonly thread: string;
  /** Settings of the sink that it takes to know it. */
  readonly settings?: SinkTable;
}

/** Of a note, as Redmine 5.0.4 sent it. */
export const REDMINE = [
  'Date: Sun, 29 Nov 2026 10:11:29 +0000',
  'From: Bob Example <redmine@example.org>',
  'To: alice@example.com',
  'Message-ID: <redmine.journal-31.20261129101128.5@example.org>',
  'References: <redmine.issue-7.20261128090000.5@example.org>',
  'Subject: [Site - Bug #7] (New) The roof leaks',
  'X-Redmine-Project: site',
  'X-Redmine-Issue-Id: 7',
  'X-Redmine-Sender: bob',
  'X-Mailer: Redmine',
  'X-Redmine-Host: redmine.example.org',
];

/** The Message-ID of the next. */
export const RT_MESSAGE_ID =
  'Message-ID: <rt-5.0.3+dfsg-3~deb12u6-29728-1795944676-580.7-8-0@rt.example.org>';

/** Of a ticket, as Request Tracker 5.0.3 sends it to its AdminCc. */
export const RT = [
  'References: <RT-Ticket-7@rt.example.org>',
  'Reply-To: tracker@example.org',
  'From: "Enoch Root via RT" <tracker@example.org>',
  'X-RT-Loop-Prevention: rt.example.org',
  'Subject: [rt.example.org #7] Printer',
  'X-RT-Ticket: rt.example.org #7',
  'X-RT-Originator: root@localhost',
  'In-Reply-To: ',
  RT_MESSAGE_ID,
  'X-Managed-BY: RT 5.0.3+dfsg-3~deb12u6 (http://www.bestpractical.com/rt/)',
  'Precedence: bulk',
];

/** Of a comment in Gitea, as services/mailer/mail_issue_common.go and mail.go write its header. */
export const GITEA = [
  'Message-ID: <acme/app/issues/7/comment/42@git.example.org>',
  'In-Reply-To: <acme/app/issues/7@git.example.org>',
  'References: <acme/app/issues/7@git.example.org>',
  'List-ID: acme/app <app.acme.git.example.org>',
  'X-Mailer: Gitea',
  'X-Gitea-Reason: issue',
  'X-Gitea-Sender: bob',
  'X-Gitea-Recipient: alice',
  'X-Gitea-Repository: app',
  'X-Gitea-Repository-Path: acme/app',
  'X-Gitea-Issue-ID: 7',
  'X-GitLab-Project-Path: acme/app',
  'X-GitLab-Issue-IID: 7',
];

/** Of a note in GitLab, as app/mailers/notify.rb and app/mailers/emails/notes.rb write its header. */
export const GITLAB = [
  'Message-ID: <note_42@gitlab.example.org>',
  'In-Reply-To: <issue_1007@gitlab.example.org>',
  'References: <reply-0123456789abcdef@gitlab.example.org> <issue_1007@gitlab.example.org>',
  'X-GitLab-Project: app',
  'X-GitLab-Project-Id: 1',
  'X-GitLab-Project-Path: acme/tools/app',
  'List-Id: acme/tools/app <1.app.tools.acme.gitlab.example.org>',
  'X-GitLab-Issue-ID: 1007',
  'X-GitLab-Issue-IID: 7',
  'X-GitLab-Issue-State: opened',
  'X-GitLab-ConfidentialIssue: false',
  'X-GitLab-NotificationReason: subscribed',
  'X-GitLab-Discussion-ID: 6a9c1750b37d513a43987b574953fceb50b03ce7',
  'X-GitLab-Reply-Key: 0123456789abcdef',
];

/** Of a post in Discourse, as lib/email/message_builder.rb (header_args) and lib/email/sender.rb write its header. */
export const DISCOURSE = [
  'Date: Fri, 20 Nov 2026 09:15:00 +0000',
  'From: =?UTF-8?Q?Bob_via_The_Forum?= <forum@example.org>',
  'Reply-To: The Forum <forum@example.org>',
  'To: alice@example.com',
  'Message-ID: <discourse/post/1042@forum.example.org>',
  'References: <discourse/post/1001@forum.example.org>',
  'Subject: [The Forum] [Support] A topic to answer in',
  'List-Unsubscribe: <https://forum.example.org/email/unsubscribe/0f0f>',
  'X-Discourse-Post-Id: 1042',
  'X-Discourse-Topic-Id: 77',
  'X-Discourse-Category: Support',
  'X-Auto-Response-Suppress: All',
  'Precedence: list',
  'List-ID: "The Forum | Support" <support.forum.example.org>',
  'List-Archive: https://forum.example.org/t/a-topic-to-answer-in/77',
  'Auto-Submitted: auto-generated',
];

/** Of a ticket of Zammad, to an agent, as transaction/notification.rb and channel/email_build.rb of app/models write its header. */
export const ZAMMAD = [
  'Date: Fri, 20 Nov 2026 09:15:00 +0000',
  'From: Support <zammad@example.org>',
  'To: alice@example.com',
  'Message-ID: <notification.20261120091500.77.3.0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0@zammad.example.org>',
  'References: <20261120090000.77.123456@zammad.example.org>',
  'Subject: [Ticket#20077] Updated (It does not work)',
  'Organization: Example',
  'X-Loop: yes',
  'Precedence: bulk',
  'Auto-Submitted: auto-generated',
  'X-Auto-Response-Suppress: All',
  'X-Powered-By: Zammad - Helpdesk/Support (https://zammad.org/)',
  'X-Mailer: Zammad Mail Service',
];

/** Of a post on Mattermost, as server/channels/app/notification_email.go and server/platform/shared/mail/mail.go write its header. */
export const MATTERMOST = [
  'From: "Chat" <chat@example.com>',
  'To: alice@example.com',
  'Subject: =?utf-8?b?W0NoYXRdIE5vdGlmaWNhdGlvbg==?=',
  'Auto-Submitted: auto-generated',
  'Precedence: bulk',
  'X-SMTPAPI: {"category": "Notification"}',
  'Reply-To: "Chat" <chat@example.com>',
  'Message-ID: <9xw6wqgsfjrzbbwjtnqebc5q8r@chat.example.com>',
  'Date: Fri, 20 Nov 2026 09:14:00 +0000',
];

/** The blog of the next. */
export const WORDPRESS_URL = 'https://blog.example.org';

/** The header of a notification of WordPress, as PHPMailer writes it. */
export const WORDPRESS = [
  'To: alice@example.com',
  'Subject: [A blog] Comment: "Post number 1"',
  'Date: Sun, 29 Nov 2026 09:35:45 +0000',
  'From: Bob <wordpress@blog.example.org>',
  'Reply-To: "\\"bob@example.net\\"" <bob@example.net>',
  'Message-ID: <jKhwuB1TuUVplqdDphNk3LUHETwXR6mdQf4Ln0QXlcs@blog.example.org>',
  'X-Mailer: PHPMailer 6.6.5 (https://github.com/PHPMailer/PHPMailer)',
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=UTF-8',
];

/** Writes the body of one to the author of a post, but for the links to act. */
export const toAuthor = (comment: number, said = 'Hello'): string[] => [
  'New comment on your post "Post number 1"',
  'Author: Bob (IP address: 192.0.2.1, example.net)',
  'Email: bob@example.net',
  'URL: ',
  'Comment: ',
  ...said.split('\n'),
  '',
  'You can see all comments on this post here:',
  `${WORDPRESS_URL}/hello/#comments`,
  '',
  `Permalink: ${WORDPRESS_URL}/hello/#comment-${comment}`,
];

/** Writes the links by which a comment is acted upon. */
export const links = (comment: number, ...actions: readonly string[]): string[] =>
  actions.map(
    (action) =>
      `Do ${action}: ${WORDPRESS_URL}/wp-admin/comment.php?action=${action}&c=${comment}#wpbody-content`,
  );

/** Writes the body of one to a moderator. */
export const toModerator = (comment: number, said = 'Hello'): string[] => [
  'A new comment on the post "Post number 1" is waiting for your approval',
  `${WORDPRESS_URL}/hello/`,
  '',
  'Comment: ',
  ...said.split('\n'),
  '',
  ...links(comment, 'approve', 'trash', 'spam'),
  'Currently 1 comment is waiting for approval. Please visit the moderation panel:',
  `${WORDPRESS_URL}/wp-admin/edit-comments.php?comment_status=moderated#wpbody-content`,
];

/** One of each platform that sends such as can be recognised, by the type of its sink. */
export const NOTIFICATIONS: Readonly<Record<string, Sample>> = {
  redmine: { fields: REDMINE, thread: 'issue/7' },
  rt: { fields: RT, thread: 'ticket/7' },
  wordpress: {
    fields: WORDPRESS,
    body: [...toAuthor(7), ...links(7, 'trash', 'spam'), ''],
    thread: 'comment/7',
  },
  gitea: { fields: GITEA, thread: 'acme/app/issues/7' },
  gitlab: {
    fields: GITLAB,
    thread: 'acme/tools/app/issues/7/discussions/6a9c1750b37d513a43987b574953fceb50b03ce7',
  },
  discourse: { fields: DISCOURSE, thread: 'topic/77/post-id/1042' },
  zammad: { fields: ZAMMAD, thread: 'ticket/77' },
  mattermost: {
    fields: MATTERMOST,
    thread: 'post/9xw6wqgsfjrzbbwjtnqebc5q8r',
    settings: { site: 'chat.example.com' },
  },
};
