# SPDX-License-Identifier: BSD-3-Clause
# Run by hand: Rscript tests/references/presto/make.R
# The two ends of PRESTO by R: proportional odds (MASS::polr, ordinal::clm) and boundaries without
# any tie between them (ordinal::clm with nominal effects). Writes ordered.csv and ends.json.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
setwd(here)
suppressMessages({
  library(MASS)
  library(ordinal)
  library(jsonlite)
})

set.seed(1)
n <- 400
X <- cbind(a = runif(n, -1, 1), b = 3 + rnorm(n), c = rbinom(n, 1, 0.3), d = 50 + 20 * runif(n))
slopes <- cbind(c(0.8, 0.8, 0.8), c(-0.4, -0.4, 0), c(0, 0.5, 0.5), c(0.02, 0.02, 0.01))
eta <- X %*% t(slopes) + rep(c(-0.5, 1, 2.2), each = n)
y <- rowSums(rlogis(n) > eta)
weight <- rep(c(0.5, 1, 1.5, 2), length.out = n)
table <- data.frame(X, y = y, weight = weight)
write.table(format(table, digits = 17, trim = TRUE), "ordered.csv", sep = ",", row.names = FALSE, quote = FALSE)
table <- read.csv("ordered.csv")
table$class <- factor(table$y, ordered = TRUE)

# log odds of y <= k are theta_k - x'b for both functions, and theta_k + x'g_k for nominal effects.
tight <- clm.control(gradTol = 1e-11, relTol = 1e-12, maxIter = 200)
fits <- list()
for (weighted in c(FALSE, TRUE)) {
  table$s <- if (weighted) table$weight else rep(1, n)
  total <- sum(table$s)
  one <- suppressWarnings(polr(class ~ a + b + c + d, data = table, weights = s,
    control = list(reltol = 1e-16, maxit = 2000)))
  two <- clm(class ~ a + b + c + d, data = table, weights = s, control = tight)
  # clm warns that thresholds do not increase at a = .. = d = 0, which is far from any row.
  free <- suppressWarnings(
    clm(class ~ 1, nominal = ~ a + b + c + d, data = table, weights = s, control = tight))
  alpha <- matrix(free$alpha.mat, ncol = 3) # rows: intercept, a, b, c, d
  fits[[if (weighted) "weighted" else "plain"]] <- list(
    polr = list(theta = unname(one$zeta), beta = unname(one$coefficients),
      loss = as.numeric(-logLik(one)) / total),
    clm = list(theta = unname(two$alpha), beta = unname(two$beta), loss = -two$logLik / total),
    nominal = list(theta = alpha[1, ], gamma = t(alpha[-1, ]), loss = -free$logLik / total)
  )
}
fits$versions <- list(R = R.version.string, MASS = as.character(packageVersion("MASS")),
  ordinal = as.character(packageVersion("ordinal")))
write(toJSON(fits, digits = 15, auto_unbox = TRUE, pretty = TRUE), "ends.json")
