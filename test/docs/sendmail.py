#!/usr/bin/env python3
"""sendmail(1) as the examples call it, for a Postfix on the port that SMTP names: `-f SENDER [-t] [--] RECIPIENT`."""
import os
import re
import smtplib
import sys

words = sys.argv[1:]
sender = next(each[2:] or words[index + 1] for index, each in enumerate(words) if each.startswith("-f"))
mail = re.sub(rb"\r?\n", b"\r\n", sys.stdin.buffer.read())
recipients = [words[-1]] if "-t" not in words else re.findall(rb"(?im)^To: *(\S+@\S+?)\r$", mail)
host, port = os.environ["SMTP"].split(":")
with smtplib.SMTP(host, int(port), timeout=20) as server:
    server.sendmail(sender, [each if isinstance(each, str) else each.decode() for each in recipients], mail)
