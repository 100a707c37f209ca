//! What a tenant's application may do, as a page to hand to its administrator.
//!
//! `check --emulator`, or with a tenant in `DEFENDER_*`. Nothing is changed, so no `--live` is asked for. Exit
//! status: 0 if nothing stands in the way, 1 if something does, 2 for wrong usage.

use std::error::Error;
use std::process::ExitCode;

use defender_response::emulator::Emulator;
use defender_response::{Client, ClientSecret};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let client = match arguments.as_slice() {
        ["--emulator"] => emulated(),
        [] => tenant(),
        _ => Err("there is no such option".into()),
    };
    let client = match client {
        Ok(client) => client,
        Err(problem) => {
            eprintln!(
                "check: {problem}\nusage: check [--emulator], or set DEFENDER_TENANT_ID and its companions"
            );
            return ExitCode::from(2);
        }
    };
    let check = client.check().await;
    print!("{check}");
    if check.is_ready() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn emulated() -> Result<Client, Box<dyn Error>> {
    let emulator = Emulator::new();
    println!("On the emulator: no tenant is asked.\n");
    let secret =
        ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
    Ok(Client::builder(secret).transport(emulator.transport()).build()?)
}

/// Both have to be there, so that what stands in `AZURE_*` is never acted on.
fn tenant() -> Result<Client, Box<dyn Error>> {
    for name in ["DEFENDER_TENANT_ID", "DEFENDER_CLIENT_ID"] {
        if std::env::var(name).unwrap_or_default().trim().is_empty() {
            return Err(format!("{name} isn't set").into());
        }
    }
    Client::from_env().map_err(|error| match error.source() {
        Some(cause) => format!("{error}: {cause}").into(),
        None => error.into(),
    })
}
