//! The virus scanner: a real clamd with two signatures.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    app::{self, Engine, TestApp, skipped, text},
    marketplace::{people, skill, with},
};

fn with_scanner(test: impl AsyncFnOnce(&TestApp)) {
    let Ok(address) = std::env::var("LLMOS_TEST_CLAMD") else {
        skipped("virus scanner", "scripts/clamd start prints the address for LLMOS_TEST_CLAMD");
        return;
    };
    app::run(Engine::Sqlite, |config| config.clamd_addr = Some(address), test);
}

fn file(path: &str, bytes: &[u8]) -> Value {
    json!({ "path": path, "content": BASE64_STANDARD.encode(bytes) })
}

fn malware(submission: &Value) -> Vec<(String, String, String)> {
    let report = submission["report"].as_array().expect("a report");
    let of = report.iter().filter(|finding| finding["class"] == "malware");
    of.map(|finding| (text(&finding["rule"]), text(&finding["path"]), text(&finding["evidence"]))).collect()
}

#[test]
fn what_the_virus_scanner_knows_is_held_back_with_the_name_of_its_signature() {
    with_scanner(async |app| {
        let (_maya, ines, _tom) = people(app).await;
        // In two halves, so that no scanner takes this file for one.
        let eicar = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat();
        let own = format!("Some words, then LLMOS-LITE-{}-TEST, and more.", "ANTIVIRUS");
        let files = json!([file("assets/eicar.txt", eicar.as_bytes()), file("notes.md", b"# Clean\n"), file("own.txt", own.as_bytes())]);
        let made = ines.submit(with(skill("lamp-care", "1.0.0", "Trim the wicks."), json!({ "files": files }))).await;
        let expected = [("assets/eicar.txt", "Eicar-Test-Signature"), ("own.txt", "LLMOS.Test.Signature")];
        let found = malware(&made);
        assert_eq!(found.len(), 2, "{made}");
        for ((rule, path, evidence), (at, name)) in found.iter().zip(expected) {
            assert_eq!((rule.as_str(), path.as_str()), ("clamav", at));
            assert!(evidence.starts_with(name), "{evidence}");
        }
        assert_eq!(made["submission"]["held"], true, "{made}");
        // What is clean is not held; what is longer than clamd takes is, and the next file is looked at all the same.
        let clean = ines.submit(skill("night-watch", "1.0.0", "Walk the pier.")).await;
        assert_eq!((malware(&clean).len(), &clean["submission"]["held"]), (0, &json!(false)), "{clean}");
        let long: Vec<u8> = (0..9_000_000_u32).flat_map(|number| number.to_le_bytes().into_iter().take(1)).collect();
        let files = json!([file("a-long.bin", &long), file("b-own.txt", own.as_bytes())]);
        let made = ines.submit(with(skill("rope-care", "1.0.0", "Coil the ropes."), json!({ "files": files }))).await;
        let rules: Vec<String> = malware(&made).into_iter().map(|(rule, path, _)| format!("{rule} {path}")).collect();
        assert_eq!(rules, ["clamav-unread a-long.bin", "clamav b-own.txt"], "{made}");
    });
}

#[test]
fn nothing_passes_unlooked_at_because_the_virus_scanner_is_down() {
    app::run(
        Engine::Sqlite,
        |config| config.clamd_addr = Some("127.0.0.1:9".to_owned()),
        async |app| {
            let (_maya, ines, _tom) = people(app).await;
            let made = ines.submit(skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
            assert_eq!((malware(&made).len(), &made["submission"]["held"]), (1, &json!(true)), "{made}");
        },
    );
}
