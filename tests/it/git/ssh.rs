//! Repositories over SSH: a real conversation, with the programs of a real Git behind it.

use std::{
    collections::HashMap,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use russh::{
    Channel, ChannelId,
    keys::{
        PrivateKey,
        ssh_key::{LineEnding, private::Ed25519Keypair},
    },
    server::{self, Auth, ChannelOpenHandle, Msg, Session, VerifiedPublicKey},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    process::{ChildStdin, Command},
};

use super::{GitServer, allow_private, artifact, link, run, settled, shared, skill, text_of};
use crate::{
    app::text,
    volumes::{commit, head, save},
};

fn key(seed: u8) -> PrivateKey {
    Ed25519Keypair::from_seed(&[seed; 32]).into()
}

fn pem(seed: u8) -> String {
    key(seed).to_openssh(LineEnding::LF).expect("a key").to_string()
}

/// A host that lets one key in and runs Git for it.
struct Host {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Host {
    /// `seed` makes the key that the host shows; what is let in is that of `guest`.
    async fn start(root: PathBuf, (seed, guest): (u8, u8), port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            let config =
                server::Config { keys: vec![key(seed)], auth_rejection_time: std::time::Duration::ZERO, ..server::Config::default() };
            let config = Arc::new(config);
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let guest = Guest { root: root.clone(), key: guest, inputs: HashMap::new() };
                if let Ok(session) = server::run_stream(config.clone(), stream, guest).await {
                    tokio::spawn(session);
                }
            }
        });
        Self { port, connections }
    }

    fn url(&self, path: &str) -> String {
        format!("ssh://git@127.0.0.1:{}/{path}", self.port)
    }
}

struct Guest {
    root: PathBuf,
    key: u8,
    inputs: HashMap<ChannelId, ChildStdin>,
}

impl server::Handler for Guest {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, shown: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let known = user == "git" && shown.public_key.key_data() == key(self.key).public_key().key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(&mut self, _: Channel<Msg>, reply: ChannelOpenHandle, _: &mut Session) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, channel: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        let command = String::from_utf8_lossy(command).into_owned();
        let (program, path) = command.split_once(" '/").expect("a program and a quoted path");
        assert!(["git-upload-pack", "git-receive-pack"].contains(&program), "{command}");
        let mut child = Command::new("git")
            .arg(program.trim_start_matches("git-"))
            .arg(self.root.join(path.trim_end_matches('\'')))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git runs");
        self.inputs.insert(channel, child.stdin.take().expect("its input"));
        let (mut output, mut complaint) = (child.stdout.take().expect("its output"), child.stderr.take().expect("its complaints"));
        let handle = session.handle();
        tokio::spawn(async move {
            let mut bytes = vec![0; 32 * 1024];
            while let Ok(read @ 1..) = output.read(&mut bytes).await {
                if handle.data(channel, bytes[..read].to_vec()).await.is_err() {
                    return;
                }
            }
            let mut words = Vec::new();
            let _ = complaint.read_to_end(&mut words).await;
            if !words.is_empty() {
                let _ = handle.extended_data(channel, 1, words).await;
            }
            let status = child.wait().await.ok().and_then(|status| status.code()).unwrap_or(1);
            let _ = handle.exit_status_request(channel, status as u32).await;
            let _ = handle.eof(channel).await;
            let _ = handle.close(channel).await;
        });
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        if let Some(input) = self.inputs.get_mut(&channel) {
            let _ = input.write_all(data).await;
        }
        Ok(())
    }
}

fn root_of(server: &GitServer) -> PathBuf {
    server.bare().parent().and_then(|team| team.parent()).expect("the folder of repositories").to_owned()
}

app_test!(a_repository_is_in_step_over_ssh, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let host = Host::start(root_of(&server), (1, 2), 0).await;
    let (maya, volume) = shared(app).await;
    let body = json!({ "url": host.url("team/playbook.git"), "token": pem(2).replace('\n', " "), "push": true });
    let found = link(&maya, &volume, body).await;
    assert_eq!((&found["state"], &found["hasToken"]), (&json!("synced"), &json!(true)), "{found}");
    assert!(text(&found["hostKey"]).starts_with("SHA256:") && !found.to_string().contains("PRIVATE"), "{found}");
    assert_eq!(text_of(&maya, &volume, "a").await, skill("a", "One\n"));

    server.write("skills/a/SKILL.md", skill("a", "Two\n"));
    server.commit("Second");
    assert_eq!(run(&maya, &volume, "pull").await["updated"], 1);
    let id = artifact(&maya, &volume, "a").await.expect("it came");
    let before = head(&maya, &id).await;
    save(&maya, &id, &skill("a", "Three\n"), 0).await;
    commit(&maya, &[(&id, Some(&before))], "From here").await;
    run(&maya, &volume, "push").await;
    assert_eq!(server.shown("skills/a/SKILL.md"), skill("a", "Three\n"));
    assert_eq!(settled(&maya, &volume).await["ahead"], 0);
    assert!(host.connections.load(Ordering::Relaxed) > 3);
});

app_test!(a_host_that_shows_another_key_is_not_talked_to, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    let put = async |body: Value| {
        let (status, error) = maya.json(reqwest::Method::PUT, &format!("/volumes/{volume}/git"), body).await;
        (status, error["fields"].clone(), text(&error["message"]))
    };
    let host = Host::start(root_of(&server), (1, 2), 0).await;
    let url = host.url("team/playbook.git");
    let (status, fields, _) = put(json!({ "url": url })).await;
    assert!(status == 400 && text(&fields["token"]).contains("private key"), "{fields}");
    let (status, fields, _) = put(json!({ "url": url, "token": "ghp_abc" })).await;
    assert!(status == 400 && text(&fields["token"]).contains("ssh-keygen"), "{fields}");
    let (status, fields, _) = put(json!({ "url": url, "token": pem(3) })).await;
    assert!(status == 400 && text(&fields["token"]).contains("ssh-ed25519 "), "its public half is said: {fields}");
    let (status, fields, _) = put(json!({ "url": host.url("team/nothing.git"), "token": pem(2) })).await;
    assert!(status == 400 && text(&fields["url"]).contains("nothing.git"), "what the host says: {fields}");
    link(&maya, &volume, json!({ "url": url, "token": pem(2) })).await;

    // Another host under the same name.
    let other = Host::start(root_of(&server), (9, 2), 0).await;
    let moved = "UPDATE git_links SET url = $1 WHERE volume_id = $2";
    let moved = sqlx::query(moved).bind(other.url("team/playbook.git")).bind(&volume);
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    moved.execute(&mut *tx).await.expect("it is changed");
    tx.commit().await.expect("a commit");
    server.write("skills/a/SKILL.md", skill("a", "Two\n"));
    server.commit("Second");
    let report = run(&maya, &volume, "pull").await;
    assert!(text(&report["error"]).contains("shows another key"), "{report}");
    assert_eq!(text_of(&maya, &volume, "a").await, skill("a", "One\n"));
    // Whoever links it anew has looked at it.
    link(&maya, &volume, json!({ "url": other.url("team/playbook.git"), "token": pem(2) })).await;
    assert_eq!(text_of(&maya, &volume, "a").await, skill("a", "Two\n"));
});

app_test!(an_address_of_ssh_inside_of_a_network_is_refused, |app| {
    let (maya, volume) = shared(app).await;
    for url in ["ssh://git@127.0.0.1/a.git", "git@localhost:a.git", "ssh://git@[::1]/a.git"] {
        let body = json!({ "url": url, "token": pem(2) });
        let (status, error) = maya.json(reqwest::Method::PUT, &format!("/volumes/{volume}/git"), body).await;
        assert!(status == 400 && text(&error["fields"]["url"]).contains("GIT_PRIVATE"), "{url} {error}");
    }
});
