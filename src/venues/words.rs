//! The closed vocabularies of the exchange's protocol: what an order is, and what became of it. The connector
//! reads them, the local exchange writes them.

/// An enumeration whose variants have one spelling on the wire.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// As it is written on the wire; case matters.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            /// `None` for a word that is not known (yet): whoever reads it decides what that means.
            pub fn of(text: &str) -> Option<$name> {
                match text { $($text => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    OrderType {
        Limit = "LIMIT",
        LimitMaker = "LIMIT_MAKER",
        Market = "MARKET",
        StopLoss = "STOP_LOSS",
        StopLossLimit = "STOP_LOSS_LIMIT",
        TakeProfit = "TAKE_PROFIT",
        TakeProfitLimit = "TAKE_PROFIT_LIMIT",
    }
}

impl OrderType {
    /// Waits for a trigger price, and counts as an "algo" order.
    pub fn is_conditional(self) -> bool {
        !matches!(self, OrderType::Limit | OrderType::LimitMaker | OrderType::Market)
    }

    /// Has a limit price.
    pub fn has_price(self) -> bool {
        !matches!(self, OrderType::Market | OrderType::StopLoss | OrderType::TakeProfit)
    }
}

words! {
    TimeInForce {
        /// Good till cancelled.
        Gtc = "GTC",
        /// Immediate or cancel.
        Ioc = "IOC",
        /// Fill or kill.
        Fok = "FOK",
    }
}

words! {
    OrderStatus {
        /// Part of a list, waiting for the working order to be filled.
        PendingNew = "PENDING_NEW",
        New = "NEW",
        PartiallyFilled = "PARTIALLY_FILLED",
        Filled = "FILLED",
        Canceled = "CANCELED",
        Rejected = "REJECTED",
        /// By the rules of the order or the exchange; may hold an executed part.
        Expired = "EXPIRED",
        ExpiredInMatch = "EXPIRED_IN_MATCH",
    }
}

impl OrderStatus {
    /// Nothing will happen to the order any more.
    pub fn is_closed(self) -> bool {
        !matches!(self, OrderStatus::PendingNew | OrderStatus::New | OrderStatus::PartiallyFilled)
    }
}

words! {
    /// What an execution report of the user stream tells.
    ExecutionType {
        New = "NEW",
        Canceled = "CANCELED",
        Replaced = "REPLACED",
        Rejected = "REJECTED",
        Trade = "TRADE",
        Expired = "EXPIRED",
        TradePrevention = "TRADE_PREVENTION",
    }
}

words! {
    ExpiryReason {
        Rejected = "REJECTED",
        ExchangeCanceled = "EXCHANGE_CANCELED",
        OcoTrigger = "OCO_TRIGGER",
        OtoPhaseOneExpired = "OTO_PHASE_ONE_EXPIRED",
        UnfilledIoc = "UNFILLED_IOC_QUANTITY_EXPIRED",
        UnfilledFok = "UNFILLED_FOK_ORDER_EXPIRED",
        InsufficientLiquidity = "INSUFFICIENT_LIQUIDITY",
        PriceRangeExceeded = "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
    }
}

words! {
    SymbolStatus {
        Trading = "TRADING",
        EndOfDay = "END_OF_DAY",
        Halt = "HALT",
        Break = "BREAK",
        /// Cancels and amends are taken, new orders are not.
        CancelOnly = "CANCEL_ONLY",
    }
}

words! {
    ContingencyType { Oco = "OCO", Oto = "OTO" }
}

words! {
    ListStatusType {
        Response = "RESPONSE",
        ExecStarted = "EXEC_STARTED",
        Updated = "UPDATED",
        AllDone = "ALL_DONE",
    }
}

words! {
    ListOrderStatus { Executing = "EXECUTING", AllDone = "ALL_DONE", Reject = "REJECT" }
}

words! {
    /// Self-trade prevention. The local exchange takes and reports the mode; its accounts never meet.
    SelfTradePrevention {
        None = "NONE",
        ExpireMaker = "EXPIRE_MAKER",
        ExpireTaker = "EXPIRE_TAKER",
        ExpireBoth = "EXPIRE_BOTH",
        Decrement = "DECREMENT",
        Transfer = "TRANSFER",
    }
}

words! {
    PegPriceType { Primary = "PRIMARY_PEG", Market = "MARKET_PEG" }
}

words! {
    PegOffsetType { PriceLevel = "PRICE_LEVEL" }
}

words! {
    /// How much a response to an order tells.
    ResponseType { Ack = "ACK", Result = "RESULT", Full = "FULL" }
}

words! {
    /// Which orders a cancel may take away.
    CancelRestrictions { OnlyNew = "ONLY_NEW", OnlyPartiallyFilled = "ONLY_PARTIALLY_FILLED" }
}

words! {
    CancelReplaceMode { StopOnFailure = "STOP_ON_FAILURE", AllowFailure = "ALLOW_FAILURE" }
}

words! {
    SideWord { Buy = "BUY", Sell = "SELL" }
}

/// A parameter's name in a list: `stopPrice` of the leg `above` is `aboveStopPrice`. Bare without a leg.
pub fn of_leg(leg: &str, name: &str) -> String {
    match (leg, name.split_at_checked(1)) {
        ("", _) | (_, None) => name.to_owned(),
        (leg, Some((first, rest))) => format!("{leg}{}{rest}", first.to_ascii_uppercase()),
    }
}

impl From<SideWord> for crate::model::Side {
    fn from(word: SideWord) -> Self {
        match word {
            SideWord::Buy => crate::model::Side::Buy,
            SideWord::Sell => crate::model::Side::Sell,
        }
    }
}

impl From<crate::model::Side> for SideWord {
    fn from(side: crate::model::Side) -> Self {
        match side {
            crate::model::Side::Buy => SideWord::Buy,
            crate::model::Side::Sell => SideWord::Sell,
        }
    }
}
