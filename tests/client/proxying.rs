//! Proxies are really used, see no token, and their password is shown nowhere.

use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use defender_response::{
    Client, ClientSecret, ErrorKind, TenantSettings, Tenants, Token, TokenError, TokenErrorKind,
    TokenRequest, TokenSource,
};
use http::Request;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::line::{Fixed, OK, Private, Seen, Wire, answering, head, serve, shown, stage};
use crate::script::TOKEN;

const API: &str = "https://api.corp.test/api/machines";
const PASSWORD: &str = "proxy-password-canary p@ss:%/";
const IN_URL: &str = "proxy-password-canary%20p%40ss%3A%25%2F";

/// Takes a request to connect down, and connects to `target` whatever was asked for, or gives `refusal`.
async fn tunnel<S>(seen: Seen, mut stream: S, target: String, refusal: &str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(asked) = head(&mut stream).await else { return };
    let expected = BASE64_STANDARD.encode(format!("user:{PASSWORD}"));
    let proven = asked.to_lowercase().contains("proxy-authorization") && asked.contains(&expected);
    seen.note(asked);
    if !proven || !refusal.is_empty() {
        let status = if proven { refusal } else { "407 Proxy Authentication Required" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    }
    let mut server = TcpStream::connect(target).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

async fn proxy(seen: &Seen, target: &str, refusal: &'static str) -> String {
    let (noted, target) = (seen.clone(), target.to_owned());
    serve(seen, move |_, stream| tunnel(noted.clone(), stream, target.clone(), refusal)).await
}

/// The service's stand-in with TLS, and what it saw.
async fn service() -> (Private, Seen, String) {
    let (private, seen) = (Private::to("api.corp.test"), Seen::default());
    let address = private.answering(&seen, OK).await;
    (private, seen, address)
}

#[tokio::test]
async fn a_proxy_gets_its_credentials_and_never_the_token() {
    let (private, service, target) = service().await;
    let seen = Seen::default();
    let address = proxy(&seen, &target, "").await;
    let wire = Wire::with(|b| {
        b.proxy(format!("http://user:{IN_URL}@{address}")).root_certificate(private.root.as_bytes())
    });
    for _ in 0..3 {
        let outcome = wire.post(API).await;
        assert_eq!(stage(&outcome), "answered", "{outcome:?}");
    }
    let asked = seen.requests().concat();
    assert!(asked.starts_with("CONNECT api.corp.test:443 HTTP/1.1\r\n"), "{asked}");
    assert_eq!(seen.requests().len(), 1, "the tunnel is used again");
    assert!(!asked.contains(TOKEN) && !asked.contains("Comment"), "{asked}");
    let got = service.requests();
    assert_eq!(got.len(), 3);
    for request in got {
        assert!(request.starts_with("POST /api/machines HTTP/1.1") && request.contains(TOKEN));
        assert!(!request.to_lowercase().contains("proxy-"), "{request}");
    }
}

#[tokio::test]
async fn a_proxy_by_https_gets_the_same() {
    let (private, service, target) = service().await;
    let (outer, seen) = (Private::to("localhost"), Seen::default());
    let (acceptor, noted) = (outer.acceptor("http/1.1"), seen.clone());
    let address = serve(&seen, move |_, stream| {
        let (acceptor, seen, target) = (acceptor.clone(), noted.clone(), target.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                tunnel(seen, stream, target, "").await;
            }
        }
    })
    .await;
    let url = format!("https://user:{IN_URL}@localhost:{}", address.rsplit(':').next().unwrap());
    let trusting = |b: defender_response::ClientBuilder| {
        b.proxy(&*url).root_certificate(private.root.as_bytes())
    };
    let outcome = Wire::with(trusting).post(API).await;
    assert_eq!(stage(&outcome), "not sent", "the proxy's own root isn't trusted: {outcome:?}");
    let wire = Wire::with(|b| trusting(b).root_certificate(outer.root.as_bytes()));
    let outcome = wire.post(API).await;
    assert_eq!(stage(&outcome), "answered", "{outcome:?}");
    assert!(!seen.requests().concat().contains(TOKEN));
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_proxy_by_socks_gets_its_credentials_and_the_name() {
    let (private, service, target) = service().await;
    let seen = Seen::default();
    let noted = seen.clone();
    let address = serve(&seen, move |_, mut stream| {
        let (seen, target) = (noted.clone(), target.clone());
        async move {
            let mut block = [0; 512];
            let _ = stream.read(&mut block).await.unwrap();
            stream.write_all(&[5, 2]).await.unwrap(); // By name and password.
            let n = stream.read(&mut block).await.unwrap();
            seen.note(String::from_utf8_lossy(&block[..n]));
            stream.write_all(&[1, 0]).await.unwrap();
            let n = stream.read(&mut block).await.unwrap();
            seen.note(String::from_utf8_lossy(&block[..n]));
            let mut server = TcpStream::connect(target).await.unwrap();
            stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut server).await;
        }
    })
    .await;
    let wire = Wire::with(|b| {
        b.proxy(format!("socks5h://user:{IN_URL}@{address}"))
            .root_certificate(private.root.as_bytes())
    });
    let outcome = wire.post(API).await;
    assert_eq!(stage(&outcome), "answered", "{outcome:?}");
    let said = seen.requests();
    assert!(said[0].contains("user") && said[0].contains(PASSWORD), "{said:?}");
    assert!(said[1].contains("api.corp.test"), "{said:?}");
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_refuses_means_that_nothing_was_sent() {
    let (private, service, target) = service().await;
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = refused.local_addr().unwrap().to_string();
    drop(refused);
    let seen = Seen::default();
    let closing = serve(&seen, |_, mut stream| async move {
        let _ = head(&mut stream).await;
    })
    .await;
    let mut cases = vec![(nobody, IN_URL), (closing, IN_URL)];
    for refusal in ["403 Forbidden", "502 Bad Gateway", "503 Busy", "302 Found"] {
        cases.push((proxy(&seen, &target, refusal).await, IN_URL));
    }
    cases.push((proxy(&seen, &target, "").await, "proxy-password-canary-wrong")); // a 407
    for (address, password) in cases {
        let wire = Wire::with(|b| {
            b.proxy(format!("http://user:{password}@{address}"))
                .root_certificate(private.root.as_bytes())
        });
        let outcome = wire.post(API).await;
        assert_eq!(stage(&outcome), "not sent", "{outcome:?}");
        let shown = shown(&outcome.unwrap_err());
        assert!(!shown.contains("canary") && !shown.contains("user:"), "{shown}");
        assert!(!shown.contains(TOKEN), "{shown}");
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn this_machine_itself_is_reached_without_even_a_proxy_that_is_set() {
    let (seen, direct) = (Seen::default(), Seen::default());
    let address = proxy(&seen, "127.0.0.1:9", "").await;
    let target = answering(&direct, OK).await;
    let wire = Wire::with(|b| b.proxy(format!("http://user:{IN_URL}@{address}")));
    assert_eq!(stage(&wire.post(&format!("http://{target}/")).await), "answered");
    assert_eq!((seen.connections(), direct.requests().len()), (0, 1));
}

/// The environment of a running process can't be changed safely, so the test `name` runs itself in another.
async fn in_an_environment_with_a_proxy(name: &str, variable: &str) -> Option<Seen> {
    if std::env::var_os("PROXYING_INSIDE").is_some() {
        return None;
    }
    let seen = Seen::default();
    let address = proxy(&seen, "127.0.0.1:9", "403 Forbidden").await;
    let (name, variable) = (format!("proxying::{name}"), variable.to_owned());
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        for scheme in ["HTTP", "HTTPS", "ALL", "NO"] {
            let usual = format!("{scheme}_PROXY");
            command.env_remove(usual.to_lowercase()).env_remove(usual);
        }
        command
            .args(["--exact", &name])
            .env("PROXYING_INSIDE", "1")
            .env(variable, format!("http://user:{IN_URL}@{address}"))
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    Some(seen)
}

#[tokio::test]
async fn the_environments_proxy_is_used() {
    let name = "the_environments_proxy_is_used";
    if let Some(seen) = in_an_environment_with_a_proxy(name, "HTTPS_PROXY").await {
        assert_eq!(seen.connections(), 1);
        assert!(seen.requests()[0].starts_with("CONNECT api.corp.test:443"));
        return;
    }
    assert_eq!(stage(&Wire::with(|b| b).post(API).await), "not sent");
}

#[tokio::test]
async fn without_proxy_the_environments_is_not_used() {
    let name = "without_proxy_the_environments_is_not_used";
    if let Some(seen) = in_an_environment_with_a_proxy(name, "ALL_PROXY").await {
        assert_eq!(seen.connections(), 0);
        return;
    }
    let wire = Wire::with(|b| b.without_proxy().connect_within(Duration::from_secs(1)));
    assert_eq!(stage(&wire.post(API).await), "not sent", "there is no such name");
}

#[tokio::test]
async fn a_proxy_that_is_set_takes_the_place_of_the_environments() {
    let name = "a_proxy_that_is_set_takes_the_place_of_the_environments";
    if let Some(seen) = in_an_environment_with_a_proxy(name, "HTTPS_PROXY").await {
        assert_eq!(seen.connections(), 0);
        return;
    }
    let seen = Seen::default();
    let address = proxy(&seen, "127.0.0.1:9", "403 Forbidden").await;
    let wire = Wire::with(|b| b.proxy(format!("http://user:{IN_URL}@{address}")));
    assert_eq!(stage(&wire.post(API).await), "not sent");
    assert_eq!(seen.requests().len(), 1);
}

/// Signs in by one request that it doesn't repeat.
struct AskingOnce;

#[async_trait::async_trait]
impl TokenSource for AskingOnce {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        let request = Request::get(ask.authority().as_str()).body(Bytes::new()).unwrap();
        let outcome = ask.transport().send(request, 1024).await;
        Err(TokenError::new(TokenErrorKind::Other, stage(&outcome)))
    }
}

#[tokio::test]
async fn all_tenants_go_by_the_proxy_that_is_set_for_them() {
    let seen = Seen::default();
    let address = proxy(&seen, "127.0.0.1:9", "403 Forbidden").await;
    let tenants = Tenants::builder(|_| AskingOnce)
        .proxy(format!("http://user:{IN_URL}@{address}"))
        .build()
        .unwrap();
    for (label, tenant) in [("one", "one.example"), ("two", "two.example")] {
        tenants.add(label, tenant, TenantSettings::new()).unwrap();
        tenants.client(label).unwrap().sign_in().await.unwrap_err();
    }
    let asked = seen.requests();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(|r| r.starts_with("CONNECT login.microsoftonline.com:443")));
}

#[test]
fn the_last_word_on_proxies_holds() {
    let wrong = "gopher://proxy.corp.test";
    Client::builder(Fixed).proxy(wrong).without_proxy().build().unwrap();
    Client::builder(Fixed).without_proxy().proxy(wrong).build().unwrap_err();
}

#[test]
fn a_password_in_a_proxys_url_is_shown_nowhere() {
    let url = format!("http://user:{IN_URL}@127.0.0.1:8080");
    let builder = || Client::builder(Fixed).proxy(&*url);
    let tenants = || {
        let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
        Tenants::builder(move |tenant| ClientSecret::new(tenant, id, "secret")).proxy(&*url)
    };
    let mut texts = vec![
        format!("{:?} {:#?}", builder(), builder().build().unwrap()),
        format!("{:?} {:#?}", tenants(), tenants().build().unwrap()),
    ];
    for wrong in [
        format!("user:{IN_URL}@127.0.0.1:8080"),
        format!("//user:{IN_URL}@127.0.0.1:8080"),
        format!("ftp://user:{IN_URL}@127.0.0.1:8080"),
        format!("http://user:{IN_URL}@"),
        format!("http://user:{IN_URL}@:8080"),
        format!("http://user:{IN_URL}@127.0.0.1:99999"),
        format!("socks4://user:{IN_URL}@127.0.0.1:1080"),
        format!("{IN_URL}.corp.test:8080"),
        String::new(),
    ] {
        let error = Client::builder(Fixed).proxy(&*wrong).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{wrong}");
        assert!(error.to_string().contains("the proxy isn't a URL"), "{error}");
        texts.push(shown(&error));
    }
    for text in texts {
        assert!(!text.contains("canary") && !text.contains("user:"), "{text}");
    }
}
