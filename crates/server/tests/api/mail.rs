//! Mail on its way: to a real SMTP server on loopback, that takes, refuses or is not there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use proofline_core::{Clock as _, Role};
use proofline_server::{Authorities, MailRoute, SmtpServer};
use proofline_testkit::{Browser, TestApp, logs};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail server as small as one can be. What it does depends on the address: `never…` is refused for good, `later…` for
/// now, and everything else is taken.
#[derive(Clone, Default)]
pub(crate) struct MailServer(Arc<Mutex<Vec<String>>>);

impl MailServer {
    /// Begins to listen there.
    async fn listen(address: SocketAddr) -> (Self, SocketAddr) {
        let listener = TcpListener::bind(address).await.expect("binds");
        let address = listener.local_addr().expect("an address");
        let server = Self::default();
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move { drop(server.talk(stream).await) });
            }
        });
        (server, address)
    }

    async fn talk(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.write_all(b"220 mail.example ready\r\n").await?;
        self.listen_to(stream).await
    }

    /// The conversation after the greeting.
    pub(crate) async fn listen_to<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (mut line, mut data, mut in_data) = (String::new(), String::new(), false);
        while stream.read_line(&mut line).await? > 0 {
            let command = line.trim_end().to_owned();
            line.clear();
            let answer = if in_data {
                if command != "." {
                    data.push_str(command.strip_prefix('.').unwrap_or(&command));
                    data.push('\n');
                    continue;
                }
                in_data = false;
                self.0.lock().expect("not poisoned").push(std::mem::take(&mut data));
                "250 taken"
            } else if command.starts_with("EHLO") {
                "250-mail.example\r\n250 8BITMIME"
            } else if command.starts_with("RCPT TO:<never") {
                "550 5.1.1 never@staff.example does not exist"
            } else if command.starts_with("RCPT TO:<later") {
                "451 4.7.1 come back later"
            } else if command == "DATA" {
                in_data = true;
                "354 go on"
            } else if command == "QUIT" {
                "221 bye"
            } else {
                "250 fine"
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    pub(crate) fn taken(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").clone()
    }
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn app_with(address: SocketAddr) -> TestApp {
    app_writing_to(&format!("smtp://{address}"), &Authorities::public()).await
}

/// An application whose mail goes to the server at this address.
pub(crate) async fn app_writing_to(url: &str, authorities: &Authorities) -> TestApp {
    TestApp::start_with(5, |settings| {
        let from = "Proofline <proofline@compliance.example>";
        let server = SmtpServer::new(url, from, "compliance.example", authorities);
        settings.mail = MailRoute::Server(server.expect("a server"));
        settings.rate_scale = 1_000;
    })
    .await
}

pub(crate) async fn invite(by: &mut Browser, email: &str) {
    by.post("/api/invitations", json!({ "email": email, "role": "staff_operator" })).await.expect(201);
}

pub(crate) async fn mails(by: &mut Browser) -> Vec<Value> {
    by.get("/api/mail").await.expect(200)["items"].as_array().expect("a page").clone()
}

async fn stored(app: &TestApp) -> String {
    let mut owner = app.database.superuser().await;
    sqlx::query_scalar("SELECT coalesce(string_agg(body_sealed, ''), '') FROM mail_outbox")
        .fetch_one(&mut owner)
        .await
        .expect("reads")
}

#[tokio::test]
async fn mail_is_sealed_until_it_is_sent_and_gone_afterwards() {
    let (server, address) = MailServer::listen(loopback()).await;
    let app = app_with(address).await;
    let mut admin = app.admin().await;
    invite(&mut admin, "newcomer@staff.example").await;
    assert!(server.taken().is_empty(), "nothing is sent by the request itself");
    let sealed = stored(&app).await;
    assert!(sealed.len() > 200 && !sealed.contains("invitation"), "{sealed}");
    app.run_job("mail").await;
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    for line in [
        "From: Proofline <proofline@compliance.example>",
        "To: newcomer@staff.example",
        "Subject: You are invited",
        "Date: Sun, 22 Nov 2026 09:00:00 +0000",
        "Content-Type: text/plain; charset=utf-8",
    ] {
        assert!(taken[0].contains(line), "{line}: {}", taken[0]);
    }
    let token = taken[0].split_once("/invitation#").expect("a link").1;
    let token = token.lines().next().expect("a token");
    logs::must_not_hold(token);
    let offer =
        app.anonymous().post("/api/auth/invitation/look", json!({ "token": token })).await.expect(200);
    assert_eq!(offer["email"], "newcomer@staff.example");
    assert_eq!(stored(&app).await, "", "blank once it has left");
    let listed = mails(&mut admin).await;
    assert_eq!((&listed[0]["state"], &listed[0]["attempts"]), (&json!("sent"), &json!(1)));
    assert_eq!(listed[0].as_object().expect("an object").len(), 7, "and no text");
    app.run_job("mail").await;
    assert_eq!(server.taken().len(), 1, "once");
    let id = listed[0]["id"].as_str().expect("an id");
    admin.post(&format!("/api/mail/{id}/retry"), json!({})).await.expect_problem(404, "not_found");
    app.clock.advance(TimeDelta::days(31));
    app.run_job("links").await;
    assert!(mails(&mut app.admin().await).await.is_empty(), "forgotten after a month");
}

#[tokio::test]
async fn what_is_rolled_back_is_never_sent() {
    let (server, address) = MailServer::listen(loopback()).await;
    let app = app_with(address).await;
    let mut admin = app.admin().await;
    let mut owner = app.database.superuser().await;
    for sql in [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'the database goes away' USING ERRCODE = '57P01'; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON audit_entry FOR EACH ROW WHEN (NEW.action = 'invitation.create')
            EXECUTE FUNCTION refuse()",
    ] {
        sqlx::query(sql).execute(&mut owner).await.expect("arranges");
    }
    let body = json!({ "email": "newcomer@staff.example", "role": "staff_operator" });
    admin.post("/api/invitations", body).await.expect_problem(503, "unavailable");
    app.run_job("mail").await;
    assert!(server.taken().is_empty() && mails(&mut admin).await.is_empty());
    assert_eq!(admin.get("/api/invitations").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn one_that_cannot_be_sent_holds_up_no_other() {
    let (server, address) = MailServer::listen(loopback()).await;
    let app = app_with(address).await;
    let mut admin = app.admin().await;
    for email in ["damaged@staff.example", "never@staff.example", "later@staff.example", "fine@staff.example"]
    {
        app.clock.advance(TimeDelta::milliseconds(10));
        invite(&mut admin, email).await;
    }
    let mut owner = app.database.superuser().await;
    sqlx::query("UPDATE mail_outbox SET body_sealed = 'rubbish' WHERE recipient LIKE 'damaged%'")
        .execute(&mut owner)
        .await
        .expect("damages");
    app.run_job("mail").await;
    let listed = mails(&mut admin).await;
    let facts: Vec<_> =
        listed.iter().map(|m| (m["state"].as_str().expect("a state"), &m["attempts"])).collect();
    let one = json!(1);
    assert_eq!(facts, [("sent", &one), ("queued", &one), ("failed", &one), ("failed", &one)], "newest first");
    assert_eq!(server.taken().len(), 1);
    let said = listed[2]["last_error"].as_str().expect("why");
    assert!(said.contains("550") && !said.contains("never@staff.example"), "{said}");
    assert!(listed[1]["last_error"].as_str().expect("why").contains("451"));
    assert_eq!(listed[3]["last_error"], "The stored text does not open.");
    let failed = admin.get("/api/mail?state=failed").await.expect(200);
    assert_eq!(failed["items"].as_array().map(Vec::len), Some(2));
    admin.get("/api/mail?state=lost").await.expect_problem(422, "invalid");
    // Nobody but who administers the installation sees whom it writes to.
    let mut operator = app.staff(Role::StaffOperator).await;
    operator.get("/api/mail").await.expect_problem(403, "not_permitted");
}

#[tokio::test]
async fn a_mail_server_that_is_away_is_tried_ten_times_and_a_person_tries_again() {
    let (gone, address) = MailServer::listen(loopback()).await;
    drop(gone);
    // A port where nobody answers: taken and given back.
    let free = TcpListener::bind(loopback()).await.expect("binds").local_addr().expect("an address");
    assert_ne!(free, address);
    let app = app_with(free).await;
    let mut admin = app.admin().await;
    invite(&mut admin, "newcomer@staff.example").await;
    let mut pause = TimeDelta::minutes(1);
    for attempt in 1..=10 {
        app.run_job("mail").await;
        app.run_job("mail").await;
        let mail = mails(&mut app.admin().await).await.remove(0);
        assert_eq!(mail["attempts"], attempt, "not before its time");
        assert_eq!(mail["state"], if attempt < 10 { "queued" } else { "failed" });
        app.clock.advance(pause);
        pause = pause * 2;
    }
    app.clock.advance(TimeDelta::days(1));
    app.run_job("mail").await;
    let mut admin = app.admin().await;
    let mail = mails(&mut admin).await.remove(0);
    assert_eq!((&mail["state"], &mail["attempts"]), (&json!("failed"), &json!(10)), "not again by itself");
    let (server, _) = MailServer::listen(free).await;
    let id = mail["id"].as_str().expect("an id");
    let queued = admin.post(&format!("/api/mail/{id}/retry"), json!({})).await.expect(200);
    assert_eq!((&queued["state"], &queued["attempts"]), (&json!("queued"), &json!(0)));
    app.run_job("mail").await;
    assert_eq!(server.taken().len(), 1, "what was written long before");
}

#[tokio::test]
async fn a_process_that_ends_while_it_sends_leaves_the_mail_to_be_tried_again_and_not_without_end() {
    let (server, address) = MailServer::listen(loopback()).await;
    let app = app_with(address).await;
    let mut admin = app.admin().await;
    let permit = proofline_server::background_permit("mail").expect("permitted");
    let claim = async || {
        let mut scope = app.store.scope(&permit).await.expect("opens");
        let now = app.clock.now();
        let claimed = scope.claim_mail(now, now + TimeDelta::minutes(2)).await.expect("claims");
        scope.commit_unaudited().await.expect("commits");
        claimed.is_some()
    };
    invite(&mut admin, "newcomer@staff.example").await;
    assert!(claim().await);
    app.run_job("mail").await;
    assert!(server.taken().is_empty(), "it is left to who claimed it");
    app.clock.advance(TimeDelta::minutes(2));
    app.run_job("mail").await;
    assert_eq!(server.taken().len(), 1);

    invite(&mut app.admin().await, "other@staff.example").await;
    for _ in 0..10 {
        assert!(claim().await);
        app.clock.advance(TimeDelta::minutes(2));
    }
    app.run_job("mail").await;
    assert_eq!(server.taken().len(), 1);
    let mail = mails(&mut app.admin().await).await.remove(0);
    assert_eq!((&mail["state"], &mail["attempts"]), (&json!("failed"), &json!(11)));
}

#[tokio::test]
async fn a_night_without_a_mail_server_loses_nothing() {
    let free = TcpListener::bind(loopback()).await.expect("binds").local_addr().expect("an address");
    let app = app_with(free).await;
    let mut admin = app.admin().await;
    for number in 0..20 {
        invite(&mut admin, &format!("newcomer-{number}@staff.example")).await;
    }
    for _ in 0..36 {
        app.run_job("mail").await;
        app.clock.advance(TimeDelta::minutes(10));
    }
    let (server, _) = MailServer::listen(free).await;
    for _ in 0..30 {
        app.run_job("mail").await;
        app.clock.advance(TimeDelta::minutes(10));
    }
    assert_eq!(server.taken().len(), 20, "six hours later, each of them once");
}

#[tokio::test]
async fn without_a_mail_server_mail_waits_where_it_is_seen() {
    let app = TestApp::start_with(5, |settings| settings.mail = MailRoute::Nowhere).await;
    let mut admin = app.admin().await;
    invite(&mut admin, "newcomer@staff.example").await;
    app.run_job("mail").await;
    let listed = mails(&mut admin).await;
    assert_eq!((&listed[0]["state"], &listed[0]["attempts"]), (&json!("queued"), &json!(0)));
    assert_eq!(listed[0]["to"], "newcomer@staff.example");
}
