//! What is shipped beside the binary to run it: what it names is there, and says the same in each place.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use llmos_lite::server::config::Config;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shipped(name: &str) -> String {
    let path = root().join("deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether it is a setting, or the file of one.
fn assert_setting(name: &str, of: &str) {
    let config = Config::from_sources(&|_| None, "").expect("the built-in configuration is valid");
    let known: BTreeSet<&str> = config.settings.iter().map(|setting| setting.name.as_str()).collect();
    assert!(known.contains(name) || name.strip_suffix("_FILE").is_some_and(|name| known.contains(name)), "{of} sets {name}");
}

fn compose(name: &str) -> Value {
    serde_saphyr::from_str(&shipped(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A part of a service, whose own or what it takes over from `x-node`.
fn part<'v>(file: &'v Value, service: &'v Value, name: &str) -> &'v Value {
    let own = &service[name];
    if own.is_null() && (service.get("<<").is_some() || service["image"] == "llmos") { &file["x-node"][name] } else { own }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn compose_files_name_what_there_is() {
    for (name, nodes) in [("compose.yaml", vec!["llmos"]), ("compose.nodes.yaml", vec!["one", "two", "three"])] {
        let file = compose(name);
        let services = file["services"].as_object().expect("services");
        for node in &nodes {
            let service = &services[*node];
            let build = part(&file, service, "build");
            let context = root().join("deploy").join(build["context"].as_str().expect("a context"));
            assert!(context.join(build["dockerfile"].as_str().expect("a file")).is_file(), "{name}: {build}");
            let environment = part(&file, service, "environment").as_object().expect("an environment");
            for (setting, value) in environment {
                assert_setting(setting, name);
                // What a secret is read from is one that the file has and the node is given.
                if let Some(secret) = value.as_str().and_then(|value| value.strip_prefix("/run/secrets/")) {
                    assert!(file["secrets"].get(secret).is_some(), "{name}: {secret}");
                    assert!(texts(part(&file, service, "secrets")).contains(&secret), "{name}: {secret} is given to {node}");
                }
            }
            // Ten seconds each for requests, the worker and the last of the backups; DRAIN_SECONDS before.
            let grace = part(&file, service, "stop_grace_period").as_str().and_then(|text| text.strip_suffix('s')?.parse::<u64>().ok());
            let drain = environment.get("DRAIN_SECONDS").and_then(Value::as_str).map_or(0, |text| text.parse().expect("seconds"));
            assert!(grace.is_some_and(|grace| grace > 30 + drain), "{name}: {grace:?}");
            // Whoever stands in front is trusted: the gateway, by which what ends TLS on this machine comes.
            let gateways = file["networks"].as_object().expect("networks").values().map(|network| &network["ipam"]["config"][0]["gateway"]);
            let trusted: Vec<&str> = environment["TRUSTED_PROXIES"].as_str().expect("some").split(',').collect();
            for gateway in gateways {
                assert!(trusted.contains(&gateway.as_str().expect("a gateway")), "{name}: {trusted:?}");
            }
        }
        for (service, about) in services {
            let volumes = texts(&about["volumes"]).into_iter().filter_map(|volume| volume.split(':').next());
            for source in volumes {
                let there = if source.starts_with('.') {
                    root().join("deploy").join(source).is_file()
                } else {
                    file["volumes"].get(source).is_some()
                };
                assert!(there, "{name}: {service} mounts {source}");
            }
        }
    }
    // nginx passes on to those nodes, from an address that they trust.
    let file = compose("compose.nodes.yaml");
    let address = file["services"]["nginx"]["networks"]["inside"]["ipv4_address"].as_str().expect("fixed");
    assert!(file["x-node"]["environment"]["TRUSTED_PROXIES"].as_str().expect("some").split(',').any(|trusted| trusted == address));
    let nginx = shipped("nginx.nodes.conf");
    for node in ["one", "two", "three"] {
        assert!(nginx.contains(&format!("server {node}:3000 ")), "{node}");
    }
    let image = shipped("Dockerfile");
    assert!(image.contains("LEPTOS_SITE_ADDR=0.0.0.0:3000") && image.contains("EXPOSE 3000"));
}

#[test]
fn the_image_is_built_of_what_there_is() {
    let image = shipped("Dockerfile");
    for line in image.lines().filter(|line| line.starts_with("ENV ")) {
        for (name, _) in line.split(' ').skip(1).filter_map(|pair| pair.split_once('=')) {
            assert_setting(name, "Dockerfile");
        }
    }
    for program in ["scripts/serve", "deploy/assemble"] {
        assert!(image.contains(program) && root().join(program).is_file(), "{program}");
    }
    let commands = Command::new(env!("CARGO_BIN_EXE_llmos")).arg("--help").output().expect("it runs").stdout;
    let commands = String::from_utf8_lossy(&commands).into_owned();
    for command in ["healthcheck", "serve"] {
        assert!(image.contains(&format!("\"{command}\"")) && commands.contains(&format!("\n  {command}")), "{command}");
    }
    for script in ["assemble", "try-root"] {
        let read = Command::new("bash").arg("-n").arg(root().join("deploy").join(script)).status().expect("bash is there");
        assert!(read.success(), "{script}");
    }
}

/// The lines of a section of a unit, as name and value.
fn unit<'t>(text: &'t str, section: &str) -> Vec<(&'t str, &'t str)> {
    let lines = text.lines().skip_while(|line| *line != format!("[{section}]")).skip(1).take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect()
}

#[test]
fn the_unit_of_systemd_names_what_there_is() {
    let text = shipped("llmos.service");
    let service = unit(&text, "Service");
    let all = |name: &str| -> Vec<&str> { service.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value).collect() };
    assert_eq!(all("ExecStart"), ["/usr/local/bin/llmos serve"]);
    let environment: Vec<(&str, &str)> =
        all("Environment").into_iter().flat_map(|line| line.split(' ')).filter_map(|pair| pair.split_once('=')).collect();
    for (name, _) in &environment {
        assert_setting(name, "llmos.service");
    }
    // Its folder is the one that systemd makes for it, and the file of settings the one that the documents name.
    let folder = format!("/var/lib/{}", all("StateDirectory")[0]);
    assert!(environment.contains(&("DATA_DIR", folder.as_str())) && all("WorkingDirectory") == [folder.as_str()]);
    let settings = all("EnvironmentFile")[0].trim_start_matches('-').to_owned();
    let operations = std::fs::read_to_string(root().join("docs/operations.md")).expect("readable");
    assert!(operations.contains(&settings) && operations.contains("llmos.service"));
    assert!(all("TimeoutStopSec")[0].parse::<u64>().is_ok_and(|seconds| seconds > 30));
    assert!(operations.contains(&format!("{} seconds", all("TimeoutStopSec")[0])));
    // A setting that cannot be used ends with this code.
    assert_eq!(all("RestartPreventExitStatus"), ["2"]);
    for name in ["NoNewPrivileges", "PrivateTmp", "DynamicUser"] {
        assert_eq!(all(name), ["yes"], "{name}");
    }
    let backups = std::fs::read_to_string(root().join("docs/backups.md")).expect("readable");
    assert!(backups.contains("mv /var/lib/private/llmos "), "DynamicUser has its folder behind a link, which is not what is moved");
    let tls = shipped("llmos-tls.conf");
    assert!(unit(&tls, "Service").iter().any(|(name, value)| *name == "AmbientCapabilities" && value.contains("CAP_NET_BIND_SERVICE")));
    // Where systemd is, it has the last word.
    if Path::new("/usr/bin/systemd-analyze").exists() {
        let copy = tempfile::tempdir().expect("a folder");
        let path = copy.path().join("llmos.service");
        std::fs::write(&path, text.replace("/usr/local/bin/llmos", env!("CARGO_BIN_EXE_llmos"))).expect("written");
        let said = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().expect("it runs");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.contains("Unknown") && !said.contains("Failed to parse"), "{said}");
    }
}
