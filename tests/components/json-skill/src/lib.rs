//! A skill that does little but read and write JSON: what most tools spend their time on.
use agent_factory_sdk::prelude::*;
use std::collections::BTreeMap;

/// Orders to sum up.
#[derive(Deserialize, JsonSchema)]
struct Orders {
    /// In any order.
    orders: Vec<Order>,
}

/// An order.
#[derive(Deserialize, JsonSchema)]
struct Order {
    /// Who ordered.
    customer: String,
    /// What, and how much of it.
    items: Vec<Item>,
}

/// A line of an order.
#[derive(Deserialize, JsonSchema)]
struct Item {
    /// What.
    name: String,
    /// How many.
    count: u32,
    /// Cents for one.
    price: u32,
}

/// What one customer ordered.
#[derive(Default, Serialize, JsonSchema)]
struct Sum {
    /// How many.
    orders: u32,
    /// All together.
    cents: u64,
    /// How many of each.
    items: BTreeMap<String, u32>,
}

/// Sum orders up by customer.
#[tool(read_only, idempotent)]
fn summarize(args: Orders) -> Json<BTreeMap<String, Sum>> {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for order in args.orders {
        let sum = sums.entry(order.customer).or_default();
        sum.orders += 1;
        for item in order.items {
            sum.cents += u64::from(item.count) * u64::from(item.price);
            *sum.items.entry(item.name).or_default() += item.count;
        }
    }
    Json(sums)
}

agent_factory_sdk::skill!(summarize);
