//! What several nodes have beside them: a database of PostgreSQL on the server that LLMOS_TEST_POSTGRES names, and the server of NATS whose program
//! LLMOS_TEST_NATS names. `scripts/bench` sets both.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use crate::{Result, clients::cpu_seconds, server::Server};

const PATIENCE: Duration = Duration::from_secs(30);
const KEY: &str = "the same at all nodes of a bench";
/// For questions one after another.
const UNLIMITED: &str = "1000000";

/// A setting of the environment.
type Setting = (&'static str, String);

/// Settings for as long as this program lives.
pub fn settings(of: &[Setting]) -> &'static [(&'static str, &'static str)] {
    of.iter().map(|(name, value)| (*name, &*value.clone().leak())).collect::<Vec<_>>().leak()
}

/// A new database.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// None, and it says so, where there is no server to make it on.
    pub async fn create() -> Result<Option<Self>> {
        let Ok(server) = std::env::var("LLMOS_TEST_POSTGRES") else {
            println!("\nThere is no PostgreSQL to measure with: LLMOS_TEST_POSTGRES names none (scripts/bench starts one).");
            return Ok(None);
        };
        sqlx::any::install_default_drivers();
        let database = Self { server, name: format!("bench_{}", uuid::Uuid::now_v7().simple()) };
        database.run(format!("CREATE DATABASE {}", database.name)).await?;
        Ok(Some(database))
    }

    pub fn url(&self) -> String {
        let (host, _) = self.server.rsplit_once('/').unwrap_or((self.server.as_str(), ""));
        format!("{host}/{}", self.name)
    }

    /// Where a server serves it alone.
    pub fn alone(&self) -> &'static [(&'static str, &'static str)] {
        settings(&[("DATABASE_URL", self.url()), ("SEARCH_RATE", UNLIMITED.to_owned())])
    }

    /// Seconds of processor time that those of its server took that serve this database's connections.
    pub async fn cpu(&self) -> Result<f64> {
        let mut connection = AnyConnection::connect(&self.server).await?;
        let sql = "SELECT pid::bigint FROM pg_stat_activity WHERE datname = $1";
        let processes: Vec<i64> = sqlx::query_scalar(sql).bind(self.name.as_str()).fetch_all(&mut connection).await?;
        connection.close().await?;
        Ok(processes.into_iter().filter_map(|process| u32::try_from(process).ok()).map(cpu_seconds).sum())
    }

    /// Bytes on the disk.
    pub async fn size(&self) -> Result<f64> {
        let mut connection = AnyConnection::connect(&self.server).await?;
        let size: i64 =
            sqlx::query_scalar("SELECT pg_database_size(CAST($1 AS name))").bind(self.name.as_str()).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(size as f64)
    }

    pub async fn remove(self) -> Result<()> {
        self.run(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await
    }

    async fn run(&self, sql: String) -> Result<()> {
        let mut connection = AnyConnection::connect(&self.server).await?;
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

struct Nats {
    process: Child,
    url: String,
}

impl Nats {
    /// None, and it says so, where there is no program.
    fn start() -> Result<Option<Self>> {
        let Ok(program) = std::env::var("LLMOS_TEST_NATS") else {
            println!("\nThere is no NATS to measure with: LLMOS_TEST_NATS names no program (scripts/nats installs it).");
            return Ok(None);
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let arguments = ["-a", "127.0.0.1", "-p", &port.to_string()];
        let process = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Some(Self { process, url: format!("nats://127.0.0.1:{port}") }))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Three servers on one database that hear one another. The first one has the first account.
pub struct Nodes {
    pub servers: Vec<Server>,
    pub database: Database,
    nats: Nats,
}

/// Seconds of processor time so far.
#[derive(Clone, Copy)]
pub struct Cpu {
    pub nodes: f64,
    pub database: f64,
    pub nats: f64,
}

impl Nodes {
    /// None where something is missing.
    pub async fn start() -> Result<Option<Self>> {
        let Some(nats) = Nats::start()? else { return Ok(None) };
        let Some(database) = Database::create().await? else { return Ok(None) };
        let settings = settings(&[
            ("DATABASE_URL", database.url()),
            ("NATS_URL", nats.url.clone()),
            ("SECRET_KEY", KEY.to_owned()),
            ("SEARCH_RATE", UNLIMITED.to_owned()),
        ]);
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(Server::start_with(None, settings).await?);
        }
        let nodes = Self { servers, database, nats };
        nodes.hear_one_another().await?;
        nodes.servers[0].set_up().await?;
        Ok(Some(nodes))
    }

    async fn hear_one_another(&self) -> Result<()> {
        let began = Instant::now();
        for server in &self.servers {
            loop {
                let metrics = server.client.get(server.url("/metrics")).send().await?.text().await?;
                let line = metrics.lines().find_map(|line| line.strip_prefix("llmos_nodes ")?.parse::<f64>().ok());
                if line == Some(self.servers.len() as f64) {
                    break;
                }
                if began.elapsed() > PATIENCE {
                    return Err("the nodes do not hear one another".into());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    pub fn first(&self) -> &Server {
        &self.servers[0]
    }

    /// Addresses of all but the first.
    pub fn elsewhere(&self) -> Vec<String> {
        self.servers.iter().skip(1).map(|server| server.address.clone()).collect()
    }

    pub async fn cpu(&self) -> Result<Cpu> {
        Ok(Cpu {
            nodes: self.servers.iter().map(|server| cpu_seconds(server.id())).sum(),
            database: self.database.cpu().await?,
            nats: cpu_seconds(self.nats.process.id()),
        })
    }

    /// Ends them and takes the database away.
    pub async fn remove(self) -> Result<()> {
        let Self { servers, database, nats } = self;
        drop((servers, nats));
        database.remove().await
    }
}
