//! Tables with columns that the library keeps, as entities and repositories.

use jiff::Timestamp;
use shelfmark::prelude::*;

/// Noon of a leap day, to the microsecond: a time that no clock of a machine gives.
pub fn noon() -> Timestamp {
    "2024-02-29T12:00:00.000001Z"
        .parse()
        .expect("a time that is written right")
}

/// With a version, and the times of its creation and of its last change.
#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "documents")]
pub struct Document {
    #[id]
    pub document_id: String,
    #[unique]
    pub title: String,
    pub body: Option<String>,
    pub pages: i32,
    #[version]
    pub version: i64,
    #[created_at]
    pub created_at: Timestamp,
    #[updated_at]
    pub updated_at: Timestamp,
}

#[derive(Insert, Clone, Debug)]
#[insert(Document)]
pub struct NewDocument {
    pub document_id: String,
    pub title: String,
    pub body: Option<String>,
    pub pages: i32,
}

pub fn document(document_id: &str, title: &str) -> NewDocument {
    NewDocument {
        document_id: document_id.into(),
        title: title.into(),
        body: None,
        pages: 1,
    }
}

/// What an import brings along.
#[derive(Insert, Clone, Debug)]
#[insert(Document)]
pub struct OldDocument {
    pub document_id: String,
    pub title: String,
    pub pages: i32,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[repository(entity = Document)]
pub trait Documents {
    #[find]
    async fn find(&self, document_id: &str) -> Result<Option<Document>>;
    #[find]
    async fn get(&self, document_id: &str) -> Result<Document>;
    #[list]
    async fn list(&self) -> Result<Vec<Document>>;
    #[insert]
    async fn insert(&self, new: &NewDocument) -> Result<Document>;
    #[insert]
    async fn import(&self, old: &OldDocument) -> Result<Document>;
    #[insert_many]
    async fn insert_many(&self, new: &[NewDocument]) -> Result<u64>;
    #[insert_many]
    async fn insert_all(&self, new: &[NewDocument]) -> Result<Vec<Document>>;
    #[insert_many(on_conflict = "ignore")]
    async fn insert_missing(&self, new: &[NewDocument]) -> Result<Vec<Document>>;
    #[update]
    async fn update(&self, document: &Document) -> Result<Document>;
    #[update]
    async fn update_if_there(&self, document: &Document) -> Result<Option<Document>>;
    #[update]
    async fn was_updated(&self, document: &Document) -> Result<bool>;
    #[update]
    async fn count_updated(&self, document: &Document) -> Result<u64>;
    #[update]
    async fn must_update(&self, document: &Document) -> Result<()>;
    #[update_many]
    async fn update_many(&self, documents: &[Document]) -> Result<u64>;
    #[update_many]
    async fn update_quietly(&self, documents: &[Document]) -> Result<()>;
    #[update_many]
    async fn update_all(&self, documents: Vec<Document>) -> Result<Vec<Document>>;
    #[upsert]
    async fn upsert(&self, new: &NewDocument) -> Result<Document>;
    #[upsert(on = "title")]
    async fn upsert_by_title(&self, new: &NewDocument) -> Result<Document>;
    #[upsert]
    async fn import_again(&self, old: &OldDocument) -> Result<Document>;
    #[upsert_many]
    async fn upsert_many(&self, new: &[NewDocument]) -> Result<u64>;
    #[upsert_many]
    async fn upsert_all(&self, new: &[NewDocument]) -> Result<Vec<Document>>;
    #[delete]
    async fn delete(&self, document_id: &str) -> Result<bool>;
    #[delete_many]
    async fn delete_many(&self, ids: &[String]) -> Result<u64>;
    #[delete_many]
    async fn delete_these(&self, ids: &[&str]) -> Result<()>;
    #[delete_many]
    async fn take(&self, ids: Vec<String>) -> Result<Vec<Document>>;
}

/// Deleted softly, with a version under another name.
#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "tasks")]
pub struct Task {
    #[id]
    pub task_id: String,
    pub title: String,
    #[version]
    #[column("revision")]
    pub version: i32,
    #[updated_at]
    pub updated_at: Timestamp,
    #[deleted_at]
    pub deleted_at: Option<Timestamp>,
}

#[derive(Insert, Clone, Debug)]
#[insert(Task)]
pub struct NewTask {
    pub task_id: String,
    pub title: String,
}

pub fn task(task_id: &str, title: &str) -> NewTask {
    NewTask {
        task_id: task_id.into(),
        title: title.into(),
    }
}

#[repository(entity = Task)]
pub trait Tasks {
    #[find]
    async fn find(&self, task_id: &str) -> Result<Option<Task>>;
    #[list]
    async fn list(&self) -> Result<Vec<Task>>;
    #[list]
    async fn first(&self, limit: i64) -> Result<Vec<Task>>;
    #[insert]
    async fn insert(&self, new: &NewTask) -> Result<Task>;
    #[insert_many]
    async fn insert_many(&self, new: &[NewTask]) -> Result<u64>;
    #[update]
    async fn update(&self, task: &Task) -> Result<Task>;
    #[update_many]
    async fn update_many(&self, tasks: &[Task]) -> Result<u64>;
    #[upsert]
    async fn upsert(&self, new: &NewTask) -> Result<Task>;
    #[upsert_many]
    async fn upsert_many(&self, new: &[NewTask]) -> Result<u64>;
    #[delete]
    async fn delete(&self, task_id: &str) -> Result<bool>;
    #[delete]
    async fn take(&self, task_id: &str) -> Result<Option<Task>>;
    #[delete]
    async fn remove(&self, task_id: &str) -> Result<()>;
    #[delete(hard)]
    async fn purge(&self, task_id: &str) -> Result<bool>;
    #[delete_many]
    async fn delete_many(&self, ids: &[String]) -> Result<u64>;
    #[delete_many]
    async fn take_many(&self, ids: &[String]) -> Result<Vec<Task>>;
    #[delete_many(hard)]
    async fn purge_many(&self, ids: &[String]) -> Result<u64>;
    #[restore]
    async fn restore(&self, task_id: &str) -> Result<bool>;
    #[restore]
    async fn bring_back(&self, task_id: &str) -> Result<Option<Task>>;
}

/// With a key that the database gives.
#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "tickets")]
pub struct Ticket {
    #[id(generated)]
    pub id: i64,
    pub label: String,
    #[created_at]
    pub created_at: Timestamp,
}

#[derive(Insert, Clone, Debug)]
#[insert(Ticket)]
pub struct NewTicket {
    pub label: String,
}

#[repository(entity = Ticket)]
pub trait Tickets {
    #[insert_many]
    async fn issue(&self, new: &[NewTicket]) -> Result<Vec<Ticket>>;
    #[upsert_many(on = "label")]
    async fn ensure(&self, new: &[NewTicket]) -> Result<Vec<Ticket>>;
    #[delete_many]
    async fn void(&self, ids: &[i64]) -> Result<Vec<Ticket>>;
}

/// With a key of two columns.
#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "seats", key = (line, number))]
pub struct Seat {
    pub line: i32,
    pub number: String,
    pub holder: Option<String>,
    #[version]
    pub version: i64,
}

#[derive(Insert, Clone, Debug)]
#[insert(Seat)]
pub struct NewSeat {
    pub line: i32,
    pub number: String,
}

pub fn seat(line: i32, number: &str) -> NewSeat {
    NewSeat {
        line,
        number: number.into(),
    }
}

#[repository(entity = Seat)]
pub trait Seats {
    #[find]
    async fn get(&self, line: i32, number: &str) -> Result<Seat>;
    #[list]
    async fn list(&self) -> Result<Vec<Seat>>;
    #[insert_many]
    async fn build(&self, new: &[NewSeat]) -> Result<Vec<Seat>>;
    #[update_many]
    async fn update_all(&self, seats: &[Seat]) -> Result<Vec<Seat>>;
    #[delete_many]
    async fn remove(&self, keys: &[(i32, String)]) -> Result<u64>;
    #[delete_many]
    async fn remove_these(&self, keys: &[(i32, &str)]) -> Result<()>;
    #[delete_many]
    async fn take(&self, keys: Vec<(i32, String)>) -> Result<Vec<Seat>>;
}

/// Of one tenant each.
#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "invoices")]
pub struct Invoice {
    #[id]
    pub invoice_id: String,
    #[tenant]
    pub tenant_id: i64,
    #[unique]
    pub reference: String,
    pub amount: i64,
    #[version]
    pub version: i64,
    #[deleted_at]
    pub deleted_at: Option<Timestamp>,
}

#[derive(Insert, Clone, Debug)]
#[insert(Invoice)]
pub struct NewInvoice {
    pub invoice_id: String,
    pub reference: String,
    pub amount: i64,
}

pub fn invoice(invoice_id: &str, amount: i64) -> NewInvoice {
    NewInvoice {
        invoice_id: invoice_id.into(),
        reference: format!("ref {invoice_id}"),
        amount,
    }
}

#[repository(entity = Invoice)]
pub trait Invoices {
    #[find]
    async fn find(&self, invoice_id: &str) -> Result<Option<Invoice>>;
    #[list]
    async fn list(&self) -> Result<Vec<Invoice>>;
    #[list]
    async fn first(&self, limit: i64) -> Result<Vec<Invoice>>;
    #[insert]
    async fn insert(&self, new: &NewInvoice) -> Result<Invoice>;
    #[insert_many]
    async fn insert_many(&self, new: &[NewInvoice]) -> Result<u64>;
    #[update]
    async fn update(&self, invoice: &Invoice) -> Result<Invoice>;
    #[update_many]
    async fn update_many(&self, invoices: &[Invoice]) -> Result<u64>;
    #[upsert]
    async fn upsert(&self, new: &NewInvoice) -> Result<Invoice>;
    #[upsert]
    async fn upsert_quietly(&self, new: &NewInvoice) -> Result<()>;
    #[upsert(on = "reference")]
    async fn upsert_by_reference(&self, new: &NewInvoice) -> Result<u64>;
    #[upsert_many]
    async fn upsert_many(&self, new: &[NewInvoice]) -> Result<u64>;
    #[upsert_many]
    async fn upsert_all(&self, new: &[NewInvoice]) -> Result<Vec<Invoice>>;
    #[delete]
    async fn delete(&self, invoice_id: &str) -> Result<bool>;
    #[delete(hard)]
    async fn purge(&self, invoice_id: &str) -> Result<bool>;
    #[delete_many]
    async fn delete_many(&self, ids: &[String]) -> Result<u64>;
    #[restore]
    async fn restore(&self, invoice_id: &str) -> Result<bool>;
}

/// Whose tenant is part of the key, and a word.
#[derive(Value, Clone, Debug, PartialEq, Eq)]
pub struct Region(pub String);

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "memos", key = (region, memo_id))]
pub struct Memo {
    #[tenant]
    pub region: Region,
    pub memo_id: i32,
    pub text: String,
}

#[derive(Insert, Clone, Debug)]
#[insert(Memo)]
pub struct NewMemo {
    pub memo_id: i32,
    pub text: String,
}

#[repository(entity = Memo)]
pub trait Memos {
    #[find]
    async fn find(&self, region: &Region, memo_id: i32) -> Result<Option<Memo>>;
    #[list]
    async fn list(&self) -> Result<Vec<Memo>>;
    #[insert]
    async fn insert(&self, new: &NewMemo) -> Result<Memo>;
    #[update]
    async fn update(&self, memo: &Memo) -> Result<bool>;
    #[upsert]
    async fn upsert(&self, new: &NewMemo) -> Result<Memo>;
}
