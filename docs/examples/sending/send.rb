# Sends a notification whose answer becomes a post: `send.rb api` has mailgw send it, `send.rb own` sends it itself.
require 'json'
require 'net/http'
require 'net/smtp'
require 'time'

API = URI(ENV.fetch('MAILGW_API', 'http://127.0.0.1:8025'))
HOST, PORT = ENV.fetch('SMTP', '127.0.0.1:25').split(':')

POST = {
  user: 'alice',
  thread: 'acme/website/issue/7',
  replied_to: ENV.fetch('POSTED_AT'),
  subject: 'Die Größe des Logos',
  text: "Bob wrote:\n\nThe logo is blurred – on my phone at least.\n"
}.freeze

def ask(path, body, key)
  fields = {
    'Authorization' => "Bearer #{ENV.fetch('MAILGW_TOKEN')}",
    'Content-Type' => 'application/json',
    'Idempotency-Key' => key
  }
  answer = Net::HTTP.start(API.host, API.port, read_timeout: 30) { |http| http.post(path, body.to_json, fields) }
  raise "#{answer.code}: #{answer.body}" unless answer.is_a?(Net::HTTPSuccess)

  JSON.parse(answer.body)
end

def have_it_sent
  list = { id: 'website.tracker.example.org', unsubscribe: 'https://tracker.example.org/u/k3j2' }
  # The key is the post's and the user's own: however often this runs, one mail goes out.
  ask('/v1/notifications', POST.merge(from: { name: 'Bob via Tracker' }, list: list), 'comment-4711-alice')
end

def send_it
  address = ask('/v1/addresses', POST.slice(:user, :thread, :replied_to), 'address-4711-alice')
  fields = address['headers'].merge(
    'From' => 'Bob via Tracker <noreply@tracker.example.org>',
    'To' => 'alice@example.com',
    'Subject' => "=?UTF-8?B?#{[POST[:subject]].pack('m0')}?=", # several words for more than 45 octets
    'Date' => Time.now.rfc2822,
    'MIME-Version' => '1.0',
    'Content-Type' => 'text/plain; charset=utf-8',
    'Content-Transfer-Encoding' => 'base64'
  )
  mail = "#{fields.map { |name, value| "#{name}: #{value}\r\n" }.join}\r\n#{[POST[:text]].pack('m')}"
  Net::SMTP.start(HOST, PORT.to_i) { |smtp| smtp.send_message(mail, address['envelope_from'], 'alice@example.com') }
  address
end

puts({ 'api' => -> { have_it_sent }, 'own' => -> { send_it } }.fetch(ARGV[0]).call['message_id'])
