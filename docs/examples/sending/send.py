"""Sends a notification whose answer becomes a post: `send.py api` has mailgw send it, `send.py own` sends it itself."""
import json, os, smtplib, sys, urllib.request
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

API = os.environ.get("MAILGW_API", "http://127.0.0.1:8025")
TOKEN = os.environ["MAILGW_TOKEN"]
HOST, PORT = os.environ.get("SMTP", "127.0.0.1:25").rsplit(":", 1)

POST = {
    "user": "alice",
    "thread": "acme/website/issue/7",
    "replied_to": os.environ["POSTED_AT"],
    "subject": "Die Größe des Logos",
    "text": "Bob wrote:\n\nThe logo is blurred – on my phone at least.\n",
}


def ask(path, body, key=""):
    fields = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Idempotency-Key": key}
    request = urllib.request.Request(API + path, json.dumps(body).encode(), fields)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def have_it_sent():
    list_ = {"id": "website.tracker.example.org", "unsubscribe": "https://tracker.example.org/u/k3j2"}
    # The key is the post's and the user's own: however often this runs, one mail goes out.
    return ask("/v1/notifications", {**POST, "from": {"name": "Bob via Tracker"}, "list": list_}, "comment-4711-alice")


def send_it():
    address = ask("/v1/addresses", {name: POST[name] for name in ("user", "thread", "replied_to")}, "address-4711-alice")
    # Ids may be long, and Python would encode what it cannot fold.
    mail = EmailMessage(policy=SMTP.clone(max_line_length=998))
    for name, value in address["headers"].items():
        mail[name] = value
    mail["From"] = "Bob via Tracker <noreply@tracker.example.org>"
    mail["To"] = "alice@example.com"
    mail["Subject"] = POST["subject"]
    mail["Date"] = formatdate()
    mail.set_content(POST["text"])
    with smtplib.SMTP(HOST, int(PORT), timeout=30) as server:
        server.send_message(mail, from_addr=address["envelope_from"], to_addrs=["alice@example.com"])
    return address


print({"api": have_it_sent, "own": send_it}[sys.argv[1]]()["message_id"])
