// Sends a notification whose answer becomes a post: `send.go api` has mailgw send it, `send.go own` sends it itself.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/smtp"
	"os"
	"time"
)

const (
	subject = "Die Größe des Logos"
	text    = "Bob wrote:\n\nThe logo is blurred – on my phone at least.\n"
)

type object map[string]any

type answer struct {
	MessageID    string            `json:"message_id"`
	EnvelopeFrom string            `json:"envelope_from"`
	Headers      map[string]string `json:"headers"`
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func ask(path string, body object, key string) (given answer, err error) {
	content, err := json.Marshal(body)
	if err != nil {
		return given, err
	}
	request, err := http.NewRequest("POST", env("MAILGW_API", "http://127.0.0.1:8025")+path, bytes.NewReader(content))
	if err != nil {
		return given, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("MAILGW_TOKEN"))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return given, err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		problem, _ := io.ReadAll(response.Body)
		return given, fmt.Errorf("%s: %s", response.Status, problem)
	}
	return given, json.NewDecoder(response.Body).Decode(&given)
}

func order() object {
	return object{"user": "alice", "thread": "acme/website/issue/7", "replied_to": os.Getenv("POSTED_AT")}
}

func haveItSent() (answer, error) {
	notification := order()
	notification["subject"], notification["text"] = subject, text
	notification["from"] = object{"name": "Bob via Tracker"}
	notification["list"] = object{"id": "website.tracker.example.org", "unsubscribe": "https://tracker.example.org/u/k3j2"}
	// The key is the post's and the user's own: however often this runs, one mail goes out.
	return ask("/v1/notifications", notification, "comment-4711-alice")
}

func sendIt() (answer, error) {
	address, err := ask("/v1/addresses", order(), "address-4711-alice")
	if err != nil {
		return address, err
	}
	var mail bytes.Buffer
	for name, value := range address.Headers {
		fmt.Fprintf(&mail, "%s: %s\r\n", name, value)
	}
	fmt.Fprintf(&mail, "From: Bob via Tracker <noreply@tracker.example.org>\r\nTo: alice@example.com\r\n")
	fmt.Fprintf(&mail, "Subject: %s\r\nDate: %s\r\n", mime.QEncoding.Encode("utf-8", subject), time.Now().Format(time.RFC1123Z))
	fmt.Fprintf(&mail, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n")
	fmt.Fprintf(&mail, "Content-Transfer-Encoding: quoted-printable\r\n\r\n")
	body := quotedprintable.NewWriter(&mail)
	io.WriteString(body, text)
	body.Close()
	server, to := env("SMTP", "127.0.0.1:25"), []string{"alice@example.com"}
	return address, smtp.SendMail(server, nil, address.EnvelopeFrom, to, mail.Bytes())
}

func main() {
	sent, err := map[string]func() (answer, error){"api": haveItSent, "own": sendIt}[os.Args[1]]()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sent.MessageID)
}
