//! The example that serves the emulator, as a program in another language meets it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::plain::{Front, Plain, form};

fn built() -> Command {
    let mut path: PathBuf = std::env::current_exe().expect("a path");
    path.pop();
    path.pop();
    Command::new(path.join("examples/emulator"))
}

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().expect("it runs until it is killed");
        self.0.wait().expect("an end");
    }
}

#[tokio::test]
async fn it_says_in_one_line_how_to_sign_in() {
    let mut child = built()
        .args(["--listen", "127.0.0.1:0", "--settle", "0", "--no-quota", "--set", "next_link=on"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example is built with the tests");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let _served = Served(child);
    let said: Value = serde_json::from_str(&line).expect("one line of JSON");
    let text = |name: &str| said[name].as_str().expect("a text");
    assert_eq!(text("base_url"), text("authority"));
    assert!(said["machines"].as_array().is_some_and(|ids| ids.len() == 6));
    assert!(said["alerts"].as_array().is_some_and(|ids| ids.len() == 3));

    let address =
        text("base_url").strip_prefix("http://").expect("http").parse().expect("an address");
    let client = Plain::over(Front::Socket(address));
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", text("client_id")),
        ("client_secret", text("client_secret")),
        ("resource", "https://api.securitycenter.microsoft.com"),
    ];
    let path = format!("/{}/oauth2/token", text("tenant_id"));
    let token = client.send("POST", &path, &[], &form(&fields)).await;
    let client = client.with_token(token.text_at("/access_token"));
    let machine = said["machines"][0].as_str().expect("an id");
    let action = client.isolate(machine, "from another language").await;
    assert_eq!(client.status_of(action.id()).await, "Succeeded");
    assert_eq!(client.get("/emulator/stats").await.json["operations"]["isolate"], 1);
}

#[test]
fn mistakes_on_the_command_line_end_with_two() {
    for arguments in [
        &[][..],
        &["--listen"],
        &["--listen", "nowhere"],
        &["--set", "next_link=perhaps"],
        &["--settle", "-1"],
        &["--frobnicate"],
    ] {
        let output = built().args(arguments).output().expect("the example is built with the tests");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: "));
    }
}
