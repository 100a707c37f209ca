//! The example `push_stix` as it is run: with a plan alone, on the emulator, on a tenant, and misused.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use defender_response::emulator::{Emulator, Listening};
use serde_json::{Value, json};

use crate::pushing::{domain, object, revoked, store, writes};

fn built() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let arguments = ["build", "--quiet", "--example", "push_stix"];
        assert!(Command::new(cargo).args(arguments).status().unwrap().success());
    });
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/push_stix")
}

struct Outcome {
    status: i32,
    out: String,
    err: String,
}

impl Outcome {
    fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs it with a feed on its stdin.
async fn run(
    feed: String,
    arguments: &[&str],
    environment: Vec<(&'static str, String)>,
) -> Outcome {
    let mut command = Command::new(built());
    command.env_clear().envs(environment).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        // It may end without having read.
        let _ = child.stdin.take().unwrap().write_all(feed.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome {
        status: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn feed() -> String {
    let either = "[domain-name:value = 'a.evil.example' OR ipv4-addr:value = '10.0.0.1']";
    let objects =
        [domain(0), object("1", "[mutex:name = 'm']"), object("2", either), revoked(domain(3))];
    Value::from(objects.to_vec()).to_string()
}

#[tokio::test]
async fn a_plan_needs_no_tenant_and_sends_nothing() {
    let table = run(feed(), &["-", "--plan"], Vec::new()).await;
    assert_eq!((table.status, table.err.as_str()), (0, ""));
    assert!(table.out.contains("d0.evil.example") && table.out.contains("UnsupportedObject"));

    let told = run(feed(), &["-", "--plan", "--json"], Vec::new()).await;
    assert_eq!(told.status, 0);
    let lines = told.lines();
    let first = json!({"source": "indicator--0", "outcome": "planned", "reason": null,
        "indicators": [{"type": "DomainName", "value": "d0.evil.example"}]});
    assert_eq!(lines[0], first);
    let outcomes: Vec<_> =
        lines[..4].iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["planned", "skipped", "planned", "withdrawn"]);
    assert_eq!(lines[4]["summary"]["feed_complete"], true);
    assert_eq!(lines.len(), 5);

    let cut = feed();
    let cut = run(cut[..cut.len() - 2].to_owned(), &["-", "--plan", "--json"], Vec::new()).await;
    assert_eq!(cut.status, 1, "{}", cut.err);
    assert_eq!(cut.lines().last().unwrap()["summary"]["feed_complete"], false);
    let nothing = run(String::new(), &["-", "--plan"], Vec::new()).await;
    assert!(nothing.status == 1 && nothing.err.contains("empty"), "{}", nothing.err);
}

#[tokio::test]
async fn on_the_emulator_each_source_has_its_line_and_then_comes_the_summary() {
    let told = run(feed(), &["-", "--emulator", "--json", "--severity", "high"], Vec::new()).await;
    assert_eq!(told.status, 0, "{}", told.err);
    let lines = told.lines();
    let outcomes: Vec<_> =
        lines[..4].iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["accepted", "skipped", "accepted", "not_there"]);
    assert_eq!(lines[4]["summary"]["sources"]["accepted"], 2);
    let table = run(feed(), &["-", "--emulator"], Vec::new()).await;
    assert!(table.status == 0 && table.out.contains("accepted 2"), "{}", table.out);
}

async fn tenant() -> (Emulator, Listening, Vec<(&'static str, String)>) {
    let emulator = Emulator::new();
    let listening = emulator.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let environment = vec![
        ("DEFENDER_TENANT_ID", emulator.tenant_id().to_owned()),
        ("DEFENDER_CLIENT_ID", emulator.client_id().to_owned()),
        ("DEFENDER_CLIENT_SECRET", emulator.client_secret().to_owned()),
        ("DEFENDER_BASE_URL", listening.base_url()),
        ("DEFENDER_AUTHORITY", listening.authority()),
        ("DEFENDER_AUDIENCE", emulator.audience().to_owned()),
    ];
    (emulator, listening, environment)
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_tenant_it_pushes_syncs_and_tells_by_its_status_what_is_left() {
    let (emulator, _listening, environment) = tenant().await;
    let dry = run(feed(), &["-", "--dry-run", "--json"], environment.clone()).await;
    assert_eq!((dry.status, writes(&emulator)), (0, 0), "{}", dry.err);
    assert_eq!(dry.lines()[0]["outcome"], "would_send");

    emulator.fail_indicator("a.evil.example", "known good");
    let part =
        run(feed(), &["-", "--owner", "feed", "--generate-alert"], environment.clone()).await;
    assert_eq!(part.status, 1, "{}", part.out);
    assert!(part.out.contains("indicator--2  known good"), "{}", part.out);
    assert!(part.err.contains(emulator.tenant_id()), "{}", part.err);
    let (ours, _) = store(&emulator, "defender-response/feed");
    assert!(ours.values().all(|i| i["generateAlert"] == true && i["action"] == "Block"));
    assert_eq!(ours.len(), 1);

    let next = Value::from(vec![domain(7)]).to_string();
    let sync = run(next, &["-", "--owner", "feed", "--sync"], environment.clone()).await;
    assert!(sync.status == 0 && sync.out.contains("Left the feed:"), "{} {}", sync.out, sync.err);
    assert_eq!(store(&emulator, "defender-response/feed").0.len(), 1);

    emulator.set_roles(emulator.client_id(), &["Machine.Read.All"]);
    emulator.revoke_tokens();
    let refused = run(feed(), &["-", "--json"], environment).await;
    assert!(refused.status == 1 && refused.err.contains("nothing was changed"), "{}", refused.err);
    let lines = refused.lines();
    assert_eq!(
        (lines[0]["outcome"].as_str(), lines[1]["outcome"].as_str()),
        (Some("not_sent"), Some("skipped"))
    );
    assert_eq!(lines[4]["summary"]["complete"], false);
}

#[tokio::test]
async fn wrong_usage_and_an_unconfirmed_tenant_send_nothing() {
    let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    let live: Vec<_> = ["DEFENDER_TENANT_ID", "DEFENDER_CLIENT_ID", "DEFENDER_CLIENT_SECRET"]
        .map(|name| (name, id.to_owned()))
        .to_vec();
    let azure: Vec<_> = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]
        .map(|name| (name, id.to_owned()))
        .to_vec();
    for (arguments, environment, part) in [
        (&[][..], &live, "no file is named"),
        (&["-"], &Vec::new(), "neither --plan nor --emulator"),
        (&["-"], &azure, "neither --plan nor --emulator"),
        (&["-"], &live, "say --live --confirm"),
        (&["-", "--live"], &live, "say --live --confirm"),
        (&["-", "--live", "--confirm", "another"], &live, "say --live --confirm"),
        (&["-", "--confirm", id], &live, "say --live --confirm"),
        (&["-", "--plan", "--emulator"], &live, "sends nothing"),
        (&["-", "--live", "--emulator"], &live, "not both"),
        (&["-", "--emulator", "--sync"], &live, "--sync needs --owner"),
        (&["-", "--emulator", "--allow-deletes", "3"], &live, "goes with --sync"),
        (&["-", "--emulator", "--action", "Destroy"], &live, "--action"),
        (&["-", "--emulator", "--action"], &live, "needs a value"),
        (&["-", "x", "--emulator"], &live, "more than one file"),
        (&["-", "--emulater"], &live, "is no option"),
        (&["no-such-file.json", "--plan"], &live, "no-such-file.json"),
    ] {
        let told = run(feed(), arguments, environment.clone()).await;
        assert_eq!(told.status, 2, "{arguments:?}: {}", told.err);
        assert!(told.err.contains(part) && told.err.contains("usage: push_stix"), "{}", told.err);
        assert_eq!(told.out, "");
    }
}
