//! From the desktop to the phone: a link that names the session that made it, and dies with it.

use std::error::Error;

use inquiry_otl::{
    Attempt, LinkRequest, ManualClock, MemoryStore, NewInquiry, Redemption, Revocation, Service, TemplateId,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = Service::builder(MemoryStore::new()).clock(ManualClock::default()).build()?;
    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;

    // The application knows the person at the desktop, and starts their session without a link.
    let desktop = service.start_session(inquiry.id).await?;
    println!("desktop: {}", desktop.session.id);

    // A camera is wanted. The QR code on the desktop's screen holds this link.
    let request = LinkRequest::device_handoff(inquiry.id, desktop.session.id);
    let link = service.issue(request.clone()).await?;
    println!("QR code: {:?}, until {}", link.purpose, link.expires_at);
    match service.redeem(link.url.expose(), &Attempt::new()).await? {
        Redemption::Granted(phone) => println!("phone:   {}, of the same inquiry", phone.session.id),
        Redemption::Busy { .. } | Redemption::Refused(_) => println!("phone:   not let in"),
    }

    // Another QR code is on the screen when the person logs out of the desktop.
    let unused = service.issue(request.clone()).await?;
    service.revoke(inquiry.id, Revocation::Session(desktop.session.id)).await?;
    if let Redemption::Refused(refused) = service.redeem(unused.url.expose(), &Attempt::new()).await? {
        println!("after the desktop's session was revoked, its other link: {}", refused.reason.name());
    }
    if let Err(error) = service.issue(request).await {
        println!("and a new one: {error}");
    }
    let sessions = service.sessions(inquiry.id, None, 10).await?;
    let live = sessions.iter().filter(|session| session.live).count();
    println!("{live} of {} sessions is live: the phone goes on", sessions.len());
    Ok(())
}
