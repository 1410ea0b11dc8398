//! Notifications by mail, against a server that speaks SMTP, with its failures.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use llmos_lite::{
    features::notifications::{model::Channel, service::send_due},
    server::{
        config::{Config, DeliveryTimes, Smtp},
        context::Ctx,
    },
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    app::{Client, TestApp, text},
    notifications::unread,
    sessions::{begin, say},
};

/// A server of mail: what it took, and what it says to the next ones.
#[derive(Clone, Default)]
pub struct MailServer {
    mails: Arc<Mutex<Vec<Received>>>,
    /// Its answer to a recipient; 0 hangs up on everybody at once.
    answer: Arc<AtomicU16>,
    port: Arc<AtomicU16>,
    /// Without one it speaks no TLS.
    tls: Arc<Mutex<Option<TlsAcceptor>>>,
}

trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

#[derive(Clone, Debug)]
pub struct Received {
    pub to: String,
    /// Folded headers in one line, without the soft line breaks of quoted-printable.
    pub text: String,
    /// It came over TLS.
    pub sealed: bool,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        self.text.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap_or_default().trim()
    }
    fn link(&self) -> String {
        let link = self.header("List-Unsubscribe").trim_start_matches('<').trim_end_matches('>');
        link.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| format!("/{path}")).unwrap_or_default()
    }
}

const DOWN: u16 = 0;
const FINE: u16 = 250;

impl MailServer {
    /// Starts, and points the configuration to it.
    pub fn start(&self, config: &mut Config) {
        let port = self.listen(false);
        config.smtp =
            Some(Smtp { url: format!("smtp://127.0.0.1:{port}?tls=opportunistic"), from: "Harbor <llmos@harbor.example>".to_owned() });
        config.delivery = DeliveryTimes { gather_ms: 300, first_pause_ms: 200 };
    }

    /// Takes mail at a port; `sealed` over TLS from the first byte.
    pub fn listen(&self, sealed: bool) -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        let port = listener.local_addr().expect("an address").port();
        self.port.store(port, Ordering::SeqCst);
        self.answer_with(FINE);
        let server = self.clone();
        tokio::spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.talk(stream, sealed).await });
            }
        });
        port
    }

    /// Speaks TLS from now on.
    pub fn speak_tls(&self, acceptor: TlsAcceptor) {
        *self.tls.lock().expect("not poisoned") = Some(acceptor);
    }

    pub fn speaks_tls(&self) -> bool {
        self.tls.lock().expect("not poisoned").is_some()
    }

    fn answer_with(&self, answer: u16) {
        self.answer.store(answer, Ordering::SeqCst);
    }

    /// RFC 5321, as far as it goes here.
    async fn talk(&self, stream: TcpStream, mut sealed: bool) -> std::io::Result<()> {
        if self.answer.load(Ordering::SeqCst) == DOWN {
            return Ok(());
        }
        let tls = self.tls.lock().expect("not poisoned").clone();
        let stream: Box<dyn Connection> = match &tls {
            Some(tls) if sealed => Box::new(tls.accept(stream).await?),
            _ => Box::new(stream),
        };
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 mail.example ESMTP\r\n").await?;
        let mut to = String::new();
        while let Some(line) = next_line(&mut stream).await? {
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            let answer = match (verb.as_str(), &tls) {
                ("EHLO", Some(_)) if !sealed => "250-mail.example\r\n250-STARTTLS\r\n250 8BITMIME\r\n".to_owned(),
                ("STAR", Some(tls)) if !sealed => {
                    stream.write_all(b"220 2.0.0 go on\r\n").await?;
                    stream.flush().await?;
                    stream = BufReader::new(Box::new(tls.accept(stream.into_inner()).await?));
                    sealed = true;
                    continue;
                }
                ("EHLO", _) => "250-mail.example\r\n250 8BITMIME\r\n".to_owned(),
                ("RCPT", _) => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    match self.answer.load(Ordering::SeqCst) {
                        550 if to.starts_with("gone") => "550 5.1.1 no such user\r\n".to_owned(),
                        FINE | 550 => "250 2.1.5 fine\r\n".to_owned(),
                        code => format!("{code} 4.0.0 later\r\n"),
                    }
                }
                ("DATA", _) => {
                    stream.write_all(b"354 go on\r\n").await?;
                    stream.flush().await?;
                    let mut text = String::new();
                    while let Some(line) = next_line(&mut stream).await? {
                        if line == "." {
                            break;
                        }
                        text.push_str(line.strip_prefix("..").map_or(line.as_str(), |_| &line[1..]));
                        text.push('\n');
                    }
                    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
                    let text = format!("{}\n\n{}", head.replace("\n ", " "), body.replace("=\n", "").replace("=3D", "="));
                    self.mails.lock().expect("not poisoned").push(Received { to: to.clone(), text, sealed });
                    "250 2.0.0 taken\r\n".to_owned()
                }
                ("QUIT", _) => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return stream.flush().await;
                }
                _ => "250 fine\r\n".to_owned(),
            };
            stream.write_all(answer.as_bytes()).await?;
            stream.flush().await?;
        }
        Ok(())
    }

    pub fn mails(&self) -> Vec<Received> {
        self.mails.lock().expect("not poisoned").clone()
    }

    /// Waits until so many have come, and looks a moment longer whether more do.
    pub async fn until(&self, count: usize) -> Vec<Received> {
        self.until_about("", count).await
    }

    /// The same of those whose subject begins so.
    async fn until_about(&self, subject: &str, count: usize) -> Vec<Received> {
        let about = || self.mails().into_iter().filter(|mail| mail.header("Subject").starts_with(subject)).collect::<Vec<_>>();
        for _ in 0..400 {
            if about().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let mails = about();
        assert_eq!(mails.len(), count, "{mails:#?}");
        mails
    }
}

async fn next_line(stream: &mut BufReader<Box<dyn Connection>>) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

macro_rules! mail_test {
    ($($test:tt)*) => {
        app_test_beside!(MailServer, $($test)*);
    };
}

/// Maya, her team, Tom in it, and a session.
pub async fn people(app: &TestApp) -> (Client, String, Client, String) {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.example").await;
    let session = begin(&maya, Some(&team), "Api review").await;
    (maya, team, tom, session)
}

async fn prefer(client: &Client, change: Value) -> Value {
    let (status, preferences) = client.patch("/notifications/preferences", change).await;
    assert_eq!(status, 200, "{preferences}");
    preferences
}

/// Quiet hours that have begun and last for some hours.
fn quiet_now() -> Value {
    let minutes = llmos_lite::server::clock::now_ms() / 60_000;
    json!({ "quiet": { "from": (minutes + 1_380) % 1_440, "to": (minutes + 180) % 1_440 }, "timeZone": "UTC" })
}

/// Why the first delivery was not made, as soon as it was tried; none when that never comes.
pub async fn first_error(app: &TestApp) -> Option<String> {
    for _ in 0..200 {
        if let Some(error) = deliveries(app).await.first().and_then(|(_, _, error)| error.clone()) {
            return Some(error);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

/// State, when it is due, and the error of everything that is to go out.
pub async fn deliveries(app: &TestApp) -> Vec<(String, i64, Option<String>)> {
    sqlx::query_as("SELECT state, due_at, error FROM notification_deliveries ORDER BY notification_id")
        .fetch_all(app.state.db.read())
        .await
        .expect("reads")
}

async fn sql(app: &TestApp, statement: &'static str) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query(statement).execute(&mut *tx).await.expect("runs");
    tx.commit().await.expect("stored");
}

async fn posted(client: &Client, address: &str, body: &'static str) -> (u16, String) {
    let request = client.request(Method::POST, address).header("content-type", "application/x-www-form-urlencoded").body(body);
    let answer = client.answer(request).await;
    (answer.status, answer.text)
}

mail_test!(a_mention_is_mailed_once_and_the_link_in_it_ends_that, |app, server| {
    let (maya, _, tom, session) = people(app).await;
    let entry = say(&maya, &session, "@tom look <b>here</b>").await;
    let mail = server.until(1).await.remove(0);
    assert_eq!(mail.to, "tom@x.example");
    assert!(mail.header("Subject").starts_with("Maya Chen named you"), "{}", mail.text);
    assert!(mail.text.contains(&format!("{}/sessions/{session}?entry=1", app.url)), "{}", mail.text);
    assert_eq!(mail.header("References"), format!("<session-{session}@127.0.0.1>"));
    assert_eq!(
        (mail.header("From"), mail.header("List-Unsubscribe-Post")),
        ("Harbor <llmos@harbor.example>", "List-Unsubscribe=One-Click")
    );
    assert!(!mail.text.contains("<b>here"), "{}", mail.text);
    // The same once more, or edited, says nothing new.
    assert_eq!(maya.post(&format!("/sessions/{session}/messages"), json!({ "id": entry["id"], "text": "@tom" })).await.0, 201);
    server.until(1).await;

    // Scanners of mail open links: that changes nothing.
    let nobody = app.visitor();
    let link = mail.link();
    let page = nobody.answer(nobody.request(Method::GET, &link)).await;
    assert!(page.status == 200 && page.text.contains("Somebody names you") && !page.text.contains("tom@x.example"), "{}", page.text);
    assert_eq!(page.header("cache-control"), "no-store");
    say(&maya, &session, "@tom again").await;
    server.until(2).await;
    let (status, page) = posted(&nobody, &link, "List-Unsubscribe=One-Click").await;
    assert!(status == 200 && page.contains("Take it back"), "{page}");
    let kind =
        |preferences: &Value, kind: &str| preferences["kinds"].as_array().expect("kinds").iter().find(|one| one["kind"] == kind).cloned();
    assert_eq!(kind(&tom.get("/notifications/preferences").await.1, "mention").expect("a kind")["mail"], "off");
    say(&maya, &session, "@tom and again").await;
    server.until(2).await;
    assert_eq!(unread(&tom).await, 3, "the bell has all");
    let (status, _) = posted(&nobody, &link, "act=on&was=mention_digest").await;
    assert_eq!(status, 200);
    assert_eq!(kind(&tom.get("/notifications/preferences").await.1, "mention").expect("a kind")["mail"], "digest");
    let changed = link.replace("mention", "reply");
    assert_eq!(posted(&nobody, &changed, "List-Unsubscribe=One-Click").await.0, 400, "another kind's is not signed");
    assert_eq!(nobody.answer(nobody.request(Method::GET, "/unsubscribe")).await.status, 400);
});

mail_test!(what_happens_meanwhile_in_one_place_goes_in_one_mail, |app, server| {
    let (maya, team, tom, session) = people(app).await;
    let other = begin(&maya, Some(&team), "Other").await;
    // Quiet hours hold it all back, and their end lets it go.
    prefer(&tom, quiet_now()).await;
    for words in ["@tom one", "@tom two"] {
        say(&maya, &session, words).await;
    }
    say(&maya, &other, "@tom three").await;
    server.until(0).await;
    assert_eq!(unread(&tom).await, 3, "the bell does not wait");
    prefer(&tom, json!({ "quiet": { "from": 0, "to": 0 } })).await;
    let mut mails = server.until(2).await;
    mails.sort_by_key(|mail| mail.header("Subject").to_owned());
    assert!(mails[0].header("Subject").starts_with("2 new"), "{mails:#?}");
    assert!(mails[1].header("Subject").starts_with("Maya Chen named you"), "{mails:#?}");
});

mail_test!(what_was_read_or_is_not_theirs_any_more_is_not_mailed, |app, server| {
    let (maya, team, tom, session) = people(app).await;
    let ines = app.join(&maya, &team, "member", "ines@x.example").await;
    let noor = app.join(&maya, &team, "member", "noor@x.example").await;
    for client in [&tom, &ines, &noor] {
        prefer(client, quiet_now()).await;
    }
    say(&maya, &session, "@tom @ines @noor look").await;
    assert_eq!(tom.post("/notifications/read-all", json!({})).await.0, 200);
    assert_eq!(maya.delete(&format!("/teams/{team}/members/{}", ines.id)).await.0, 204);
    assert_eq!(maya.patch(&format!("/admin/users/{}", noor.id), json!({ "deactivated": true })).await.0, 200);
    // As if the hours were over.
    sql(app, "UPDATE notification_settings SET quiet_from = NULL, quiet_to = NULL").await;
    sql(app, "UPDATE notification_deliveries SET due_at = 0").await;
    let ctx = Ctx::internal(app.state.clone(), None);
    send_due(&ctx, Channel::Mail).await.expect("runs");
    server.until(0).await;
    assert!(deliveries(app).await.iter().all(|(state, ..)| state == "skipped"), "{:?}", deliveries(app).await);
});

mail_test!(while_the_mail_server_is_down_nothing_is_lost_and_the_bell_goes_on, |app, server| {
    let (maya, _, tom, session) = people(app).await;
    server.answer_with(DOWN);
    say(&maya, &session, "@tom look").await;
    assert_eq!(unread(&tom).await, 1);
    let error = first_error(app).await;
    assert!(error.as_deref().is_some_and(|error| error.contains("mail server")), "{error:?}");
    server.until(0).await;
    // Then it is there, but busy.
    server.answer_with(451);
    server.until(0).await;
    server.answer_with(FINE);
    server.until(1).await;
    assert_eq!(deliveries(app).await.iter().map(|(state, ..)| state.as_str()).collect::<Vec<_>>(), ["sent"]);
});

mail_test!(an_address_that_is_refused_holds_nobody_else_up, |app, server| {
    let (maya, team, _, session) = people(app).await;
    app.join(&maya, &team, "member", "gone@x.example").await;
    server.answer_with(550);
    say(&maya, &session, "@gone @tom look").await;
    let mails = server.until(1).await;
    assert_eq!(mails[0].to, "tom@x.example");
    let mut states: Vec<String> = deliveries(app).await.into_iter().map(|(state, ..)| state).collect();
    states.sort();
    assert_eq!(states, ["failed", "sent"]);
});

mail_test!(a_mail_that_was_begun_is_sent_again_under_its_name_and_by_one_alone, |app, server| {
    let (maya, _, tom, session) = people(app).await;
    prefer(&tom, quiet_now()).await;
    say(&maya, &session, "@tom look").await;
    sql(app, "UPDATE notification_settings SET quiet_from = NULL, quiet_to = NULL").await;
    // A process that died between sending and noting left it so.
    sql(app, "UPDATE notification_deliveries SET state = 'sending', attempts = 1, batch = 'begun-before', due_at = 1").await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let (one, other) = tokio::join!(send_due(&ctx, Channel::Mail), send_due(&ctx, Channel::Mail));
    assert!(one.is_ok() && other.is_ok());
    let mails = server.until(1).await;
    assert_eq!(mails[0].header("Message-ID"), "<begun-before@127.0.0.1>");
    send_due(&ctx, Channel::Mail).await.expect("runs");
    server.until(1).await;
});

mail_test!(a_digest_has_everything_in_one_mail, |app, server| {
    let (maya, team, tom, session) = people(app).await;
    let other = begin(&maya, Some(&team), "Other").await;
    let digest = json!([{ "kind": "mention", "mail": "digest", "push": false }]);
    prefer(&tom, json!({ "kinds": digest, "digest": "daily", "digestHour": 6, "timeZone": "Europe/Berlin" })).await;
    say(&maya, &session, "@tom one").await;
    say(&maya, &other, "@tom two").await;
    let now = Ctx::internal(app.state.clone(), None).now();
    let due: Vec<i64> = deliveries(app).await.into_iter().map(|(_, due, _)| due).collect();
    assert!(due.len() == 2 && due[0] == due[1] && due[0] > now && due[0] <= now + 25 * 3_600_000, "{due:?}");
    // As if it were the next day.
    sql(app, "UPDATE notifications SET created_at = created_at - 90000000").await;
    sql(app, "UPDATE notification_deliveries SET due_at = 1").await;
    send_due(&Ctx::internal(app.state.clone(), None), Channel::Mail).await.expect("runs");
    let mail = server.until(1).await.remove(0);
    assert!(mail.header("Subject").starts_with("2 new in 2 places"), "{}", mail.text);
    assert!(mail.header("References").is_empty() && mail.text.contains("Api review") && mail.text.contains("Other"), "{}", mail.text);
    let (status, page) = posted(&app.visitor(), &mail.link(), "act=off").await;
    assert!(status == 200 && page.contains("mention_digest"), "{page}");
    let (_, preferences) = tom.get("/notifications/preferences").await;
    assert!(preferences["kinds"].as_array().expect("kinds").iter().all(|kind| kind["mail"] != "digest"), "{preferences}");
});

mail_test!(a_test_says_whether_the_server_takes_mail, |app, server| {
    let maya = app.sign_up_first().await;
    let test = async |expected: &str| {
        let (status, job) = maya.post("/notifications/test", json!({ "channel": "mail" })).await;
        assert_eq!(status, 202, "{job}");
        for _ in 0..200 {
            let (_, now) = maya.get(&format!("/jobs/{}", text(&job["id"]))).await;
            if now["state"] == expected {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}", maya.get(&format!("/jobs/{}", text(&job["id"]))).await);
    };
    test("done").await;
    let mail = server.until(1).await.remove(0);
    assert_eq!((mail.to.as_str(), mail.header("Auto-Submitted")), ("maya@harbor.internal", "auto-generated"));
    server.answer_with(DOWN);
    assert!(text(&test("failed").await["error"]).contains("mail server"));
});

mail_test!(preferences_are_ones_own_and_checked, |app, _server| {
    let (maya, team, tom, session) = people(app).await;
    let (_, preferences) = tom.get("/notifications/preferences").await;
    assert_eq!((&preferences["mailTo"], &preferences["teams"][0]["name"]), (&json!("tom@x.example"), &json!("Harbor")));
    let kinds =
        |preferences: &Value| preferences["kinds"].as_array().expect("kinds").iter().map(|one| text(&one["kind"])).collect::<Vec<_>>();
    assert!(
        !kinds(&preferences).contains(&"report".to_owned())
            && kinds(&maya.get("/notifications/preferences").await.1).contains(&"report".to_owned())
    );
    let teams = |level: &str| json!({ "teams": [{ "team": team, "level": level }] });
    assert_eq!(prefer(&tom, teams("nothing")).await["teams"][0]["level"], "nothing");
    say(&maya, &session, "@tom look").await;
    assert!(deliveries(app).await.is_empty());
    prefer(&tom, teams("mentions")).await;
    say(&maya, &session, "@tom look").await;
    assert_eq!(deliveries(app).await.len(), 1);

    let mine = maya.team("Mine").await;
    for (wrong, status, field) in [
        (json!({ "timeZone": "Europe/Nowhere" }), 400, "timeZone"),
        (json!({ "digestHour": 24 }), 400, "digestHour"),
        (json!({ "quiet": { "from": -1, "to": 5 } }), 400, "quiet"),
        (json!({ "teams": [{ "team": mine, "level": "nothing" }] }), 404, ""),
        (json!({ "kinds": [{ "kind": "nonsense", "mail": "off", "push": false }] }), 400, ""),
    ] {
        let (answered, error) = tom.patch("/notifications/preferences", wrong).await;
        assert_eq!(answered, status, "{error}");
        assert!(field.is_empty() || error["fields"][field].is_string(), "{error}");
    }
    let twice = json!([{ "kind": "reply", "mail": "off", "push": false }, { "kind": "reply", "mail": "once", "push": false }]);
    let changed = prefer(&tom, json!({ "kinds": twice })).await;
    let reply = changed["kinds"].as_array().expect("kinds").iter().find(|one| one["kind"] == "reply").cloned();
    assert_eq!(reply.expect("a kind"), json!({ "kind": "reply", "mail": "once", "push": false }));
    let reads = app.client_with_token(&tom, &["read"]).await;
    assert_eq!((reads.get("/notifications/preferences").await.0, reads.patch("/notifications/preferences", json!({})).await.0), (200, 403));
    assert_eq!(app.visitor().get("/notifications/preferences").await.0, 401);

    // The form without JavaScript.
    let form = format!(
        "form[mail][]=mention:off&form[mail][]=reply:digest&form[push][]=mention&form[teams][]={team}:usual&form[mailed]=on&form[digest]=hourly&form[digest_hour]=7&form[quiet]=on&form[quiet_from]=22:30&form[quiet_to]=06:00&form[time_zone]=Europe/Berlin"
    );
    let request = tom
        .request(Method::POST, "/fn/save-notifications")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "text/html")
        .body(form);
    let answer = tom.answer(request).await;
    assert_eq!((answer.status, answer.header("location")), (302, "/settings/notifications"), "{}", answer.text);
    let (_, preferences) = tom.get("/notifications/preferences").await;
    assert_eq!(
        (&preferences["quiet"], &preferences["digest"], &preferences["timeZone"]),
        (&json!({ "from": 1350, "to": 360 }), &json!("hourly"), &json!("Europe/Berlin"))
    );
    let mail =
        |kind: &str| preferences["kinds"].as_array().expect("kinds").iter().find(|one| one["kind"] == kind).map(|one| one["mail"].clone());
    assert_eq!((mail("mention"), mail("reply")), (Some(json!("off")), Some(json!("digest"))));

    // It is in the export, and goes with the account.
    let (_, export) = tom.get("/me/export").await;
    assert_eq!(export["notificationSettings"]["preferences"]["digest"], "hourly", "{export}");
    let (status, answer) = tom.json(Method::DELETE, "/me", json!({ "password": crate::app::PASSWORD })).await;
    assert_eq!(status, 204, "{answer}");
    for table in [
        "SELECT COUNT(*) FROM notification_settings",
        "SELECT COUNT(*) FROM notification_choices",
        "SELECT COUNT(*) FROM notification_teams",
        "SELECT COUNT(*) FROM notification_team_kinds",
        "SELECT COUNT(*) FROM notification_deliveries",
    ] {
        let left: i64 = sqlx::query_scalar(table).fetch_one(app.state.db.read()).await.expect("reads");
        assert_eq!(left, 0, "{table}");
    }
});

app_test!(without_a_mail_server_there_is_no_mail, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let session = begin(&maya, Some(&team), "Api review").await;
    say(&maya, &session, "@tom look").await;
    assert_eq!(unread(&tom).await, 1);
    assert!(deliveries(app).await.is_empty());
    let (_, preferences) = tom.get("/notifications/preferences").await;
    assert!(preferences["mailTo"].is_null(), "{preferences}");
    let page = tom.answer(tom.request(Method::GET, "/settings/notifications")).await;
    assert!(page.status == 200 && page.text.contains("What you are told") && !page.text.contains("The digest"), "{}", page.status);
    assert_eq!(tom.post("/notifications/test", json!({ "channel": "mail" })).await.0, 400);
});

/// A server of mail beside one that may ask repositories of the test, and that GitHub tells of them.
#[derive(Clone, Default)]
struct WithRepositories(MailServer);

impl WithRepositories {
    fn start(&self, config: &mut Config) {
        self.0.start(config);
        crate::github_events::with_github(config);
    }
}

app_test_beside!(WithRepositories, what_repositories_bring_is_mailed_as_each_team_was_chosen, |app, beside| {
    use crate::{
        git::{GitServer, git, link, run, skill},
        github_events::{done, issue, pull_request},
    };
    let server = &beside.0;
    let (maya, team, tom, _) = people(app).await;
    prefer(&tom, json!({ "teams": [{ "team": team, "level": "nothing", "kinds": [{ "kind": "push", "level": "once" }] }] })).await;
    let chosen = &tom.get("/notifications/preferences").await.1["teams"][0];
    assert_eq!(chosen["kinds"], json!([{ "kind": "push", "level": "once" }]), "{chosen}");
    let repository = GitServer::start().await;
    repository.write("skills/lamps/SKILL.md", skill("lamps", "Trim.\n"));
    repository.commit("First");
    let volume = crate::volumes::volume(&maya, "team").await;
    link(&maya, &volume, json!({ "url": repository.url })).await;
    repository.write("skills/lamps/SKILL.md", skill("lamps", "Trim daily.\n"));
    repository.commit("Better lamps");
    run(&maya, &volume, "pull").await;
    // At once to whom it is news; Maya has pushes in her digest.
    let mail = server.until(1).await.remove(0);
    assert_eq!(mail.to, "tom@x.example");
    assert!(
        mail.text.contains(&format!("{}/volumes/{volume}", app.url)) && mail.text.contains("Better lamps: 1 artifact changed."),
        "{}",
        mail.text
    );
    // Out of step: those who look after the volume, at once.
    git(&repository.bare(), &["branch", "-m", "main", "trunk"]);
    run(&maya, &volume, "pull").await;
    let mails = server.until(2).await;
    let mail = mails.iter().find(|mail| mail.to.starts_with("maya@")).expect("to Maya");
    assert!(mail.header("Subject").contains("is out of step with a volume"), "{}", mail.text);
    assert!(mail.text.contains(&format!("{}/volumes/{volume}", app.url)), "{}", mail.text);
    git(&repository.bare(), &["branch", "-m", "trunk", "main"]);
    // The link in the mail ends what the team had mailed all the same.
    let first = mails.iter().find(|mail| mail.to.starts_with("tom@")).expect("to Tom").link();
    assert_eq!(posted(&app.visitor(), &first, "List-Unsubscribe=One-Click").await.0, 200);
    assert_eq!(tom.get("/notifications/preferences").await.1["teams"][0]["kinds"], json!([]));
    repository.write("skills/lamps/SKILL.md", skill("lamps", "Trim twice a day.\n"));
    repository.commit("Still better lamps");
    run(&maya, &volume, "pull").await;
    server.until(2).await;
    // Issues as this team's were chosen, and pull requests as they are for whoever chose nothing: both at once, and not to Tom, whom they do not concern.
    prefer(&maya, json!({ "teams": [{ "team": team, "level": "usual", "kinds": [{ "kind": "issue", "level": "once" }] }] })).await;
    done(&maya, "issues", &issue(&repository, "opened", 10, json!({}))).await;
    let work = repository.work();
    git(&work, &["checkout", "-q", "-b", "lamps"]);
    repository.write("skills/lamps/SKILL.md", skill("lamps", "Trim when they smoke.\n"));
    git(&work, &["commit", "-qam", "Better lamps"]);
    git(&work, &["push", "-q", "origin", "HEAD:refs/pull/1/head"]);
    done(&maya, "pull_request", &pull_request(&repository, "opened", 10, &repository.head(), json!({}))).await;
    let mails = server.until(4).await;
    let task = text(&crate::tasks::list(&maya, &team, "").await[0]["id"]);
    for (subject, path, words) in [
        ("GitHub has an issue", format!("/teams/{team}/tasks?task={task}"), "opened #7 The lamps smoke"),
        ("GitHub has a pull request", format!("/volumes/{volume}"), "#1 Better lamps: 1 artifact would change: lamps."),
    ] {
        let mail = mails.iter().find(|mail| mail.header("Subject").starts_with(subject)).unwrap_or_else(|| panic!("{subject}: {mails:#?}"));
        assert_eq!(mail.to, "maya@harbor.internal");
        assert!(mail.text.contains(&format!("{}{path}", app.url)) && mail.text.contains(words), "{}", mail.text);
    }
});

app_test_beside!(WithRepositories, whoever_publishes_is_mailed_what_they_have_to_sign_and_what_could_not_be_taken, |app, beside| {
    use crate::{
        git::{GitServer, git},
        github_events::{done, linked, market_skill, publish_by_hand, release, told_soon},
        marketplace::Publisher,
    };
    let server = &beside.0;
    let repository = GitServer::start().await;
    repository.write("skills/lamp-care/SKILL.md", market_skill("lamp-care", "Trim the wicks, and then polish the glass."));
    repository.commit("First");
    git(&repository.work(), &["tag", "v1.1.0"]);
    git(&repository.work(), &["push", "-q", "origin", "v1.1.0"]);
    let (maya, _, team) = linked(app, &repository).await;
    let ines = Publisher::new(app.join(&maya, &team, "maintainer", "ines@x.example").await, 7).await;
    publish_by_hand(&maya, &ines, &team, &repository, "lamp-care").await;
    // Each comes twice, as GitHub may send it, and is mailed once.
    for tag in ["v1.2", "v1.1.0", "v1.2", "v1.1.0"] {
        done(&maya, "release", &release(&repository, tag, json!({}))).await;
    }
    for kind in ["release", "sign"] {
        told_soon(&ines.client, kind, 1).await;
    }
    let (_, mine) = ines.client.get("/marketplace/mine").await;
    let prepared = mine.as_array().expect("a list").iter().find(|one| one["version"] == "1.1.0").cloned().unwrap_or_default();
    let signing = format!("submissions/{}", text(&prepared["id"]));
    let managing = format!("{}/manage", text(&prepared["listingId"]));
    for (subject, to, path, words) in [
        // Whoever submitted the last one signs the next.
        ("GitHub prepared a release for you to sign", &["ines@x.example"][..], signing, "lamp care 1.1.0 from the release"),
        // All who publish it may mend that.
        (
            "GitHub made a release that could not be taken over",
            &["ines@x.example", "maya@harbor.internal"][..],
            managing,
            "names no semantic version",
        ),
    ] {
        let mut mails = server.until_about(subject, to.len()).await;
        mails.sort_by(|one, other| one.to.cmp(&other.to));
        assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), to, "{mails:#?}");
        for mail in mails {
            assert!(mail.text.contains(&format!("{}/marketplace/{path}", app.url)) && mail.text.contains(words), "{}", mail.text);
        }
    }
});

mail_test!(an_address_of_a_form_that_is_not_taken_keeps_no_others_waiting, |app, server| {
    let (maya, team, tom, session) = people(app).await;
    let odd = app.join(&maya, &team, "member", "odd@x.example").await;
    server.answer_with(501);
    say(&maya, &session, "@tom @odd look").await;
    let error = first_error(app).await.expect("it was tried");
    assert!(error.contains("put it off"), "{error}");
    assert!(deliveries(app).await.iter().all(|(state, ..)| state != "failed"), "{:?}", deliveries(app).await);
    server.answer_with(FINE);
    server.until(2).await;
    assert_eq!((unread(&tom).await, unread(&odd).await), (1, 1));
});
