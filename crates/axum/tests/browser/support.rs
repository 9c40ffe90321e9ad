//! An application that a browser can reach.

use std::{sync::Arc, time::Duration};

use axum::Router;
use inquiry_otl::{
    IssuedLink, LinkRequest, MemoryStore, NewInquiry, Service, TemplateId, UrlFormat, UrlStyle,
};
use inquiry_otl_axum::verify::{FormKey, Verify, VerifyBuilder};
pub(crate) use inquiry_otl_testkit::{
    browser::{Browser, alone},
    chromium::{Look, Scripts},
};
use tokio::{net::TcpListener, time::sleep};

/// An application on a port of this machine.
pub(crate) struct Site {
    pub(crate) service: Arc<Service<MemoryStore>>,
    listener: TcpListener,
    port: u16,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let base = format!("http://localhost:{port}");
        let short = UrlFormat::new(&format!("{base}/c")).unwrap().with_style(UrlStyle::Path);
        let urls = UrlFormat::new(&format!("{base}/verify")).unwrap().also_accepting(short);
        let service = Arc::new(Service::builder(MemoryStore::new()).url_format(urls).build().unwrap());
        Self { service, listener, port }
    }

    /// As browsers know it. `localhost` is another site than `127.0.0.1`.
    pub(crate) fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub(crate) fn verify(&self) -> VerifyBuilder<MemoryStore> {
        Verify::builder(Arc::clone(&self.service), FormKey::new([7; 32]))
    }

    pub(crate) async fn link(&self) -> IssuedLink {
        let inquiry = NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap());
        let inquiry = self.service.create(inquiry).await.unwrap();
        self.service.issue(LinkRequest::resume(inquiry.id)).await.unwrap()
    }

    /// Serves it until the test is over.
    pub(crate) fn serve(self, app: Router) -> Served {
        tokio::spawn(async move { axum::serve(self.listener, app).await });
        Served(self.service)
    }
}

/// The service behind an application that is served.
pub(crate) struct Served(pub(crate) Arc<Service<MemoryStore>>);

impl Served {
    /// How many sessions the link's inquiry has.
    pub(crate) async fn sessions(&self, link: &IssuedLink) -> usize {
        self.0.sessions(link.inquiry, None, 10).await.unwrap().len()
    }

    /// Waits until the link was used.
    pub(crate) async fn until_used(&self, link: &IssuedLink) {
        for _ in 0..600 {
            if self.sessions(link).await != 0 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the link was not used");
    }
}
