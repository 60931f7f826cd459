/** Keeps a fault in one panel or page from taking the rest with it. */

import { Component, type ReactNode } from "react";
import { ErrorNote } from "./error-note";

interface Props {
  /** What is inside, for the message: "Posture". */
  what: string;
  /** A new value (a route, a query's data) gives the content another chance. */
  resetKey?: unknown;
  onRetry?: (() => void) | undefined;
  children: ReactNode;
}

export class Boundary extends Component<Props, { error: unknown; failed: boolean }> {
  override state = { error: undefined as unknown, failed: false };

  static getDerivedStateFromError(error: unknown) {
    return { error, failed: true };
  }

  override componentDidUpdate(previous: Props) {
    if (this.state.failed && previous.resetKey !== this.props.resetKey) this.reset();
  }

  private reset = () => this.setState({ error: undefined, failed: false });

  override render() {
    if (!this.state.failed) return this.props.children;
    const retry = () => {
      this.props.onRetry?.();
      this.reset();
    };
    return <ErrorNote error={this.state.error} what={this.props.what} onRetry={retry} />;
  }
}
