//! Signs in with a credential of `azure_identity` and reads one machine. It changes nothing.
//!
//! With `--emulator` it runs on the emulator inside this program, `azure_identity` included. Otherwise it needs a tenant
//! in `DEFENDER_TENANT_ID`. Exit status: 0 if a list of machines could be read, 1 if not, 2 for wrong usage.

use std::process::ExitCode;
use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{
    AsyncRawResponse, Body, ClientOptions, HttpClient, Request, Transport as AzureTransport,
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential,
};
use bytes::Bytes;
use defender_response::emulator::{Emulator, InMemory};
use defender_response::{AzureCredential, Client, Region, Transport as _};

const USAGE: &str = "\
usage: azure_identity --emulator
       azure_identity [--secret | --managed-identity | --cli]

  --emulator           sign in to the emulator inside this program
  --secret             as the application DEFENDER_CLIENT_ID with DEFENDER_CLIENT_SECRET (the default)
  --managed-identity   as the managed identity of this machine
  --cli                as whoever has signed in with az login

All but the first need a tenant: DEFENDER_TENANT_ID. DEFENDER_REGION names its region, and DEFENDER_BASE_URL,
DEFENDER_AUTHORITY and DEFENDER_AUDIENCE each replace the region's.";

type Problem = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let client = match arguments.as_slice() {
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        ["--emulator"] => on_the_emulator(),
        [] => in_a_tenant("--secret"),
        [kind @ ("--secret" | "--managed-identity" | "--cli")] => in_a_tenant(kind),
        other => Err(format!("{other:?} isn't understood").into()),
    };
    let client = match client {
        Ok(client) => client,
        Err(problem) => {
            eprintln!("azure_identity: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match read_one_machine(&client).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("no machine could be read: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(link) = cause {
                eprintln!("   because {link}");
                cause = link.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn read_one_machine(client: &Client) -> defender_response::Result<()> {
    let machines = client.machines().list(None).page_size(1).at_most(1).all().await?;
    println!("signed in; {} answers", client.base_url());
    match machines.first() {
        Some(machine) => {
            let name = machine.computer_dns_name.as_deref().unwrap_or("without a name");
            println!("one of its machines: {name}, {}", machine.health_status);
        }
        None => println!("it has no machine, or none that this identity may see"),
    }
    Ok(())
}

fn in_a_tenant(kind: &str) -> Result<Client, Problem> {
    let tenant = filled("DEFENDER_TENANT_ID")
        .ok_or("say --emulator, or name a tenant in DEFENDER_TENANT_ID")?;
    let region: Region = filled("DEFENDER_REGION").map_or(Ok(Region::default()), |r| r.parse())?;
    let credential: Arc<dyn TokenCredential> = match kind {
        "--cli" => {
            let tenant_id = Some(tenant.clone());
            let options = AzureCliCredentialOptions { tenant_id, ..Default::default() };
            AzureCliCredential::new(Some(options))?
        }
        "--managed-identity" => ManagedIdentityCredential::new(None)?,
        _ => {
            let need = |name| filled(name).ok_or_else(|| format!("{name} isn't set"));
            let authority = filled("DEFENDER_AUTHORITY");
            let authority = authority.unwrap_or_else(|| region.endpoint().authority.to_owned());
            ClientSecretCredential::new(
                &tenant,
                need("DEFENDER_CLIENT_ID")?,
                need("DEFENDER_CLIENT_SECRET")?.into(),
                Some(signing_in_at(authority, None)),
            )?
        }
    };
    println!("tenant {tenant}, region {region}");
    let mut builder =
        Client::builder(AzureCredential::new(credential).in_tenant(tenant)).region(region);
    if let Some(url) = filled("DEFENDER_BASE_URL") {
        builder = builder.base_url(url);
    }
    if let Some(audience) = filled("DEFENDER_AUDIENCE") {
        builder = builder.audience(audience);
    }
    Ok(builder.build()?)
}

fn on_the_emulator() -> Result<Client, Problem> {
    let emulator = Emulator::new();
    let way = Arc::new(ToEmulator(emulator.transport()));
    let credential = ClientSecretCredential::new(
        emulator.tenant_id(),
        emulator.client_id().to_owned(),
        emulator.client_secret().to_owned().into(),
        Some(signing_in_at(emulator.authority().to_owned(), Some(way))),
    )?;
    println!("on the emulator inside this program: no tenant is touched");
    let client = Client::builder(AzureCredential::new(credential))
        .base_url(emulator.base_url())
        .audience(emulator.audience())
        .transport(emulator.transport())
        .build()?;
    Ok(client)
}

/// With a cloud named, `azure_identity` reads no variable to find its sign-in host.
fn signing_in_at(
    authority_host: String,
    way: Option<Arc<dyn HttpClient>>,
) -> ClientSecretCredentialOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = authority_host;
    let cloud = Some(Arc::new(CloudConfiguration::from(cloud)));
    let transport = way.map(AzureTransport::new);
    let client_options = ClientOptions { cloud, transport, ..Default::default() };
    ClientSecretCredentialOptions { client_options }
}

/// Carries `azure_identity`'s requests to the emulator in memory.
#[derive(Debug)]
struct ToEmulator(InMemory);

#[async_trait::async_trait]
impl HttpClient for ToEmulator {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Body::Bytes(body) = request.body() else {
            let kind = ErrorKind::Other;
            return Err(azure_core::Error::with_message(kind, "a streamed body isn't carried"));
        };
        let mut carried =
            http::Request::builder().method(request.method().as_ref()).uri(request.url().as_str());
        for (name, value) in request.headers().iter() {
            carried = carried.header(name.as_str(), value.as_str());
        }
        let io = |e| azure_core::Error::new(ErrorKind::Io, e);
        let carried = carried
            .body(Bytes::copy_from_slice(body))
            .map_err(|e| azure_core::Error::new(ErrorKind::DataConversion, e))?;
        let answer = self.0.send(carried, 1 << 20).await.map_err(io)?;
        let status = answer.status().as_u16().into();
        Ok(AsyncRawResponse::from_bytes(status, Headers::new(), answer.into_body()))
    }
}

fn filled(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?.trim().to_owned();
    Some(value).filter(|value| !value.is_empty())
}
