<?php
// Sends a notification whose answer becomes a post: `send.php api` has mailgw send it, `send.php own` sends it itself.
declare(strict_types=1);

const POST = [
    'user' => 'alice',
    'thread' => 'acme/website/issue/7',
    'subject' => 'Die Größe des Logos',
    'text' => "Bob wrote:\n\nThe logo is blurred – on my phone at least.\n",
];

function ask(string $path, array $body, string $key): array
{
    $api = getenv('MAILGW_API') ?: 'http://127.0.0.1:8025';
    $answer = file_get_contents($api . $path, false, stream_context_create(['http' => [
        'method' => 'POST',
        'header' => [
            'Authorization: Bearer ' . getenv('MAILGW_TOKEN'),
            'Content-Type: application/json',
            "Idempotency-Key: $key",
        ],
        'content' => json_encode($body, JSON_THROW_ON_ERROR),
        'timeout' => 30,
        'ignore_errors' => true,
    ]]));
    if ($answer === false || !preg_match('/^HTTP\S+ 2/', $http_response_header[0])) {
        throw new RuntimeException("$path: " . ($http_response_header[0] ?? 'no answer') . " $answer");
    }
    return json_decode($answer, true, 64, JSON_THROW_ON_ERROR);
}

function haveItSent(): array
{
    $list = ['id' => 'website.tracker.example.org', 'unsubscribe' => 'https://tracker.example.org/u/k3j2'];
    $body = [...POST, 'replied_to' => getenv('POSTED_AT'), 'from' => ['name' => 'Bob via Tracker'], 'list' => $list];
    // The key is the post's and the user's own: however often this runs, one mail goes out.
    return ask('/v1/notifications', $body, 'comment-4711-alice');
}

function sendIt(): array
{
    $order = ['user' => POST['user'], 'thread' => POST['thread'], 'replied_to' => getenv('POSTED_AT')];
    $address = ask('/v1/addresses', $order, 'address-4711-alice');
    $fields = [
        ...$address['headers'],
        'From' => 'Bob via Tracker <noreply@tracker.example.org>',
        'Date' => date(DATE_RFC2822),
        'MIME-Version' => '1.0',
        'Content-Type' => 'text/plain; charset=utf-8',
        'Content-Transfer-Encoding' => 'base64',
    ];
    $subject = '=?UTF-8?B?' . base64_encode(POST['subject']) . '?='; // iconv_mime_encode() for more than 45 octets
    $body = chunk_split(base64_encode(POST['text']));
    if (!mail('alice@example.com', $subject, $body, $fields, '-f' . $address['envelope_from'])) {
        throw new RuntimeException('mail() failed');
    }
    return $address;
}

echo ['api' => haveItSent(...), 'own' => sendIt(...)][$argv[1]]()['message_id'], "\n";
